"""What every test may rely on: no settings of this machine, and no network in the unit tests."""

import logging
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

UNIT = Path(__file__).parent / "unit"
SETTINGS = re.compile(
    r"(CLONE|OPENAI|ELEVENLABS|TWILIO|LANGSMITH|LANGCHAIN|LANGGRAPH|REPLIT|REPL|PG)_"
    r"|(DATABASE_URL|PUBLIC_BASE_URL|PORT|REPL|PGHOST|PGPORT|PGUSER|PGPASSWORD|PGDATABASE)$"
)
OURS = ("agent", "app", "channels", "commands", "knowledge", "prompts")
INTERNET_FAMILIES = frozenset({socket.AF_INET, socket.AF_INET6})


class NetworkForbiddenError(RuntimeError):
    """A unit test tried to open an internet socket."""


class UnixOnlySocket(socket.socket):
    """A socket that refuses the internet families; an event loop's own socket pair still works."""

    def __init__(
        self,
        family: int = -1,
        type: int = -1,
        proto: int = -1,
        fileno: int | None = None,
    ) -> None:
        # With fileno the socket exists already and somebody else answers for it.
        if fileno is None and (family == -1 or family in INTERNET_FAMILIES):
            raise NetworkForbiddenError(
                "a unit test opened a network socket: pass a fake, or move it to tests/integration"
            )
        super().__init__(family, type, proto, fileno)


def _look_up(host: Any, *_: Any, **__: Any) -> Any:
    raise NetworkForbiddenError(f"a unit test looked up the name of a host: {host!r}")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the settings and keys of whoever runs the tests, and keep tracing off."""
    for name in [name for name in os.environ if SETTINGS.match(name)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LANGSMITH_TRACING", "false")


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make an accidental call to a vendor an error in every unit test."""
    if UNIT not in request.path.parents:
        return
    monkeypatch.setattr(socket, "socket", UnixOnlySocket)
    monkeypatch.setattr(socket, "getaddrinfo", _look_up)


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A command that a test runs sets up logging for its process, which is ours too."""
    root = logging.getLogger()
    handlers, levels = (
        root.handlers[:],
        {"": root.level}
        | {
            name: logger.level
            for name, logger in root.manager.loggerDict.items()
            if isinstance(logger, logging.Logger)
        },
    )
    yield
    root.handlers[:] = handlers
    for name in (*OURS, ""):
        logging.getLogger(name).setLevel(levels.get(name, logging.NOTSET))
