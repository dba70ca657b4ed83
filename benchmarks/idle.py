"""What an idle clone costs, beside the least that could answer Twilio."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.processes import Cost, cost, tree, wake_ups

_HOUSE = Path(__file__).resolve().parent.parent
_START_SECONDS = 30.0
_SETTLE_SECONDS = 2.0
_REST_SECONDS = 20.0
#: The aim: an idle clone, all processes, against the skeleton under gunicorn.
AIM = 0.9


def run() -> None:
    """Print the table: three arms one after the other, the ratio to the first."""
    python = sys.executable
    gunicorn = [python, "-m", "gunicorn"]
    arms = {
        "skeleton (gunicorn, Flask, TwiML)": [*gunicorn, "benchmarks.skeleton:create_app()"],
        "clone serve (waitress)": [python, "app.py", "serve"],
        "clone under gunicorn": [*gunicorn, "-c", "gunicorn.conf.py", "app:create_app()"],
    }
    print(f"Idle, after /healthz answered (aim for `clone serve`: at most {AIM} x skeleton)")
    base = 0.0
    for name, command in arms.items():
        seen, woken = _measure(command)
        base = base or seen.pss_mb
        print(
            f"  {name:36} {seen.processes} processes  PSS {seen.pss_mb:5.1f} MB"
            f"  x{seen.pss_mb / base:.2f}  wake-ups {woken / _REST_SECONDS:.2f}/s"
        )


def _measure(command: list[str]) -> tuple[Cost, int]:
    port = free_port()
    with tempfile.TemporaryDirectory() as data:
        env = {**os.environ, "PORT": str(port), "CLONE_DATA": data, "OPENAI_API_KEY": ""}
        if "benchmarks.skeleton:create_app()" in command:
            command = [*command, "--bind", f"127.0.0.1:{port}", "--no-control-socket"]
        with started(command, env) as pid:
            wait_until_healthy(port)
            time.sleep(_SETTLE_SECONDS)
            before = wake_ups(pid)
            time.sleep(_REST_SECONDS)
            return cost(pid), wake_ups(pid) - before


@contextmanager
def started(command: list[str], env: dict[str, str]) -> Iterator[int]:
    """Run a server for a block; every process of it is gone afterwards."""
    server = subprocess.Popen(command, cwd=_HOUSE, env=env, stdout=subprocess.DEVNULL)
    try:
        yield server.pid
    finally:
        below = tree(server.pid)[1:] if server.poll() is None else []
        server.terminate()
        try:
            server.wait(30)
        finally:
            for process in below:
                if process.is_running():
                    process.kill()


def wait_until_healthy(port: int) -> None:
    """Return when the server answers; raises `TimeoutError` if it never does."""
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise TimeoutError("the server did not start")


def free_port() -> int:
    """Return a port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
