"""The `clone` command: one module per subcommand."""

from importlib import import_module
from typing import Any

import click

from agent.errors import CloneError, SettingsError, StorageError
from commands.failure import Failure, WrongSetup

#: In the order in which a newcomer needs them; each is the function of the module of its name.
COMMANDS = (
    "init", "doctor", "serve", "work", "index", "ask", "chat", "say", "contacts", "graph",
    "migrate",
)  # fmt: skip


class CommandLine(click.Group):
    """Loads a subcommand when it is called, and ends our errors in one line and an exit code.

    The server stays for days and has no use for what the others import (2 MB).
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the subcommands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a subcommand, None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"commands.{cmd_name}"), cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; raises `Failure` for any `CloneError`."""
        try:
            return super().invoke(ctx)
        except (SettingsError, StorageError) as error:
            raise WrongSetup(str(error)) from error
        except CloneError as error:
            raise Failure(str(error)) from error


@click.group(
    cls=CommandLine,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96},
)
def command_line() -> None:
    """A clone of a person that answers their WhatsApp contacts.

    \b
    clone serve                  open the simulator at http://127.0.0.1:8080
    clone ask "who are you?"     one question, one answer, no WhatsApp
    clone init                   make the clone yours
    clone doctor                 what is missing, and what to do about it

    Settings come from the environment and from a file named .env (see .env.example).
    Exit codes: 0 done, 1 failed, 2 wrong usage or settings.
    """  # noqa: D301
