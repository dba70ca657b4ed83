"""The `clone` command as somebody types it, with its settings in a folder of the test's own."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from app import Application
from commands import command_line


class Terminal:
    """Runs commands on one set of settings; each command is a process of its own to the clone."""

    def __init__(self, folder: Path) -> None:
        self.persona = folder / "persona.toml"
        self.documents = folder / "documents"
        self.data = folder / "data"
        self.documents.mkdir()
        self.env = {
            "CLONE_PERSONA": str(self.persona),
            "CLONE_DOCUMENTS": str(self.documents),
            "CLONE_DATA": str(self.data),
        }

    def app(self) -> Application:
        """Return what `app.py` hands to a command."""
        return Application(self.env)

    def run(self, *words: str, typed: str = "", app: Any = None) -> Result:
        """Run `clone` with `words`, and `typed` at its prompts."""
        with _logging_restored():
            return CliRunner().invoke(
                command_line, list(words), obj=app or self.app(), input=typed, prog_name="clone"
            )

    def init(self, name: str = "Ana Souza") -> None:
        """Give this clone a persona of its own."""
        assert self.run("init", "--yes", "--name", name).exit_code == 0

    def write(self, name: str, text: str) -> None:
        """Put a document into the owner's folder."""
        (self.documents / name).write_text(text, encoding="utf-8")

    def findings(self) -> dict[str, list[dict[str, str]]]:
        """Return what `clone doctor` finds, by check."""
        found: dict[str, list[dict[str, str]]] = {}
        for finding in json.loads(self.run("doctor", "--json").stdout)["findings"]:
            found.setdefault(finding["check"], []).append(finding)
        return found


def complaint(result: Result) -> str:
    """Return the only line of a command that failed; a trace or a second line is an error."""
    assert isinstance(result.exception, SystemExit), result.exception
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    return lines[0]


@contextmanager
def _logging_restored() -> Iterator[None]:
    """A command sends the log to a stream that ends with it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
