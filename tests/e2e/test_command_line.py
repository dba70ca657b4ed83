"""The `clone` command in its own process, as a newcomer types it."""

import contextlib
import json
import os
import pty
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import TextIO

import pytest

from tests.e2e.house import ROOT, offline_settings

QUESTION = "quando foi o primeiro voo do 14-bis?"


def clone(folder: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, str(ROOT / "app.py"), *words],
        cwd=folder,
        env=offline_settings(folder) | settings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_ask_answers_from_the_biography_without_any_key(tmp_path: Path) -> None:
    """The newcomer's first question is answered with the year and the document it stands in."""
    run = clone(tmp_path, "ask", QUESTION, "--json", CLONE_MODEL="", CLONE_EMBEDDINGS="")

    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert set(told) >= {"text", "sources", "route", "seconds", "model"}
    assert "1906" in told["text"]
    assert told["model"] == "offline"
    assert "retrieve" in told["route"]
    (source, *_) = told["sources"]
    assert source["document"].endswith(".md")
    assert "1906" in " ".join(each["excerpt"] for each in told["sources"])
    assert 0 < source["score"] <= 1


def test_ask_prints_the_answer_alone(tmp_path: Path) -> None:
    """Standard output is the answer, for pipes; the document is named beside it."""
    run = clone(tmp_path, "ask", QUESTION)

    assert run.returncode == 0, run.stderr
    assert "1906" in run.stdout
    assert ".md" in run.stderr
    assert not (tmp_path / "data" / "memory.db").exists()


@pytest.mark.parametrize(
    ("words", "settings", "code", "told"),
    [
        (("ask",), {}, 2, "QUESTION"),
        (("ask", QUESTION), {"CLONE_MODEL": "openai:gpt-6-luna"}, 2, "OPENAI_API_KEY"),
        (("ask", QUESTION), {"CLONE_TURN_SECONDS": "soon"}, 2, "CLONE_TURN_SECONDS"),
        (("fly",), {}, 2, "fly"),
        (
            ("ask", QUESTION),
            {"CLONE_MODEL": "openai:gpt-6-luna", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"},
            1,
            "openai could not be reached",
        ),
    ],
    ids=["no question", "no key", "wrong setting", "no such command", "model away"],
)
def test_a_mistake_is_told_plainly(
    tmp_path: Path, words: tuple[str, ...], settings: dict[str, str], code: int, told: str
) -> None:
    """What went wrong is named on standard error, with its exit code and without a trace."""
    run = clone(tmp_path, *words, **settings)

    assert run.returncode == code
    assert told in run.stderr
    assert "Traceback" not in run.stderr
    assert run.stdout == ""


def test_doctor_is_read_at_a_terminal_of_any_width(tmp_path: Path) -> None:
    """At a terminal its sentences are wrapped beside the checks; in a pipe each is one line."""
    settings = offline_settings(tmp_path) | {"COLUMNS": "70", "TERM": "dumb"}
    ours, theirs = pty.openpty()
    with os.fdopen(ours, encoding="utf-8") as screen:
        run = subprocess.Popen(
            [sys.executable, str(ROOT / "app.py"), "doctor"], env=settings, stdout=theirs
        )
        os.close(theirs)
        shown = re.sub(r"\x1b\[\d+m", "", _read_screen(screen))
        run.wait(timeout=60)
    piped = clone(tmp_path, "doctor")

    step = shown[shown.index("✓ whatsapp") : shown.index("✓ simulator")]
    assert step.count("\n") > 4
    assert max(map(len, step.splitlines())) <= 70
    assert " ".join(step.split()) in " ".join(piped.stdout.split())


def test_contacts_needs_no_installation_that_ever_ran(tmp_path: Path) -> None:
    """Before the first message the command says that nobody wrote, and leaves nothing behind."""
    run = clone(tmp_path, "contacts")

    assert (run.returncode, run.stdout, run.stderr) == (0, "Nobody has written yet.\n", "")
    assert not (tmp_path / "data").exists()


def test_a_taken_port_is_told_plainly(tmp_path: Path) -> None:
    """A second `serve` on one port ends at once and names the remedy."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = clone(tmp_path, "serve", PORT=str(port))

    assert run.returncode == 1
    assert str(port) in run.stderr
    assert "PORT=" in run.stderr


def _read_screen(screen: TextIO) -> str:
    """Return all that is written until the other end is closed, which Linux tells as an error."""
    shown = ""
    with contextlib.suppress(OSError):
        while character := screen.read(1):
            shown += character
    return shown
