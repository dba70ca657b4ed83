"""`clone serve`: the web process on waitress, with the simulator for this machine."""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from agent.settings import SAMPLE
from channels.simulator import RECORDING_LIMIT
from commands.exposure import is_local
from commands.failure import Failure

if TYPE_CHECKING:
    from types import FrameType

    from flask import Flask

    from agent.settings import Settings
    from commands.application import Application


@click.command(short_help="Serve WhatsApp's webhook and the simulator page.")
@click.pass_obj
def serve(app: "Application") -> None:
    """Serve the webhook and the simulator page until Ctrl-C.

    The worker that answers starts by itself when a message comes and leaves when idle.
    The address is set by CLONE_HOST and PORT; the page is shown to this machine only.

    \b
    clone serve
    PORT=8081 clone serve
    """  # noqa: D301
    app.log_to(logging.INFO)
    settings = app.settings
    web = app.web(simulator=is_local(settings))
    sockets: dict[int, Any] = {}
    server = _listen(web, settings, sockets)
    try:
        # From here on a worker is ours to stop: whoever reads the address may stop us at once.
        with _leaving_when_told(sockets):
            click.echo(f"The clone of {app.persona.name} runs on {_address(server, settings.host)}")
            if settings.persona == SAMPLE / "persona.toml":
                click.echo("This is the sample clone; `clone init` makes it yours.")
            server.run()
    finally:
        server.close()
        web.extensions["clone"].stop()


@contextmanager
def _leaving_when_told(sockets: dict[int, Any]) -> Iterator[None]:
    """Leave waitress's loop at SIGTERM as at Ctrl-C, at once, even when it just fell asleep.

    A signal between the loop's last look and its sleep, or one that another thread takes, wakes
    nobody by itself (https://docs.python.org/3/library/signal.html#signal.set_wakeup_fd).
    """
    from waitress.trigger import trigger

    alarm = trigger(sockets)
    os.set_blocking(alarm.trigger, False)
    signal.set_wakeup_fd(alarm.trigger)
    signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    finally:
        signal.set_wakeup_fd(-1)
        alarm.close()


def _listen(web: "Flask", settings: "Settings", sockets: dict[int, Any]) -> Any:
    """Return waitress's server, bound to its port; raises `Failure` where it cannot be.

    `sockets` is what its loop looks at.
    """
    from waitress.server import create_server

    try:
        # Slow clients must not take the threads: waitress reads whole requests before it hands
        # them over, and the long loop time-out leaves an idle process asleep.
        return create_server(
            web,
            map=sockets,
            host=settings.host,
            port=settings.port,
            threads=8,
            connection_limit=1000,
            asyncore_use_poll=True,
            asyncore_loop_timeout=30,
            # Kept on disk whole before anybody looks at its signature, so it must be short.
            # The longest is a recording made on the simulator's page.
            max_request_body_size=max(web.config["MAX_CONTENT_LENGTH"], RECORDING_LIMIT),
            clear_untrusted_proxy_headers=False,
            ident=None,
        )
    except OSError as error:
        raise Failure(
            f"cannot listen on {settings.host}:{settings.port} ({error.strerror}); "
            "does the clone run already? For another port: PORT=8081 clone serve"
        ) from error
    except ValueError as error:
        raise Failure(f"CLONE_HOST={settings.host} is not an address of this machine") from error


def _address(server: Any, host: str) -> str:
    # A name with several addresses (localhost) gives a server that has no port of its own.
    listened = getattr(server, "effective_listen", None)
    port = listened[0][1] if listened else server.effective_port
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _leave(number: int, frame: "FrameType | None") -> None:
    raise SystemExit(0)
