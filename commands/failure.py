"""How a command ends when something went wrong: one line on standard error, never a trace."""

from typing import IO, Any

import click


class Failure(click.ClickException):
    """Ends a command with `clone: <what went wrong and what to do>` and exit code 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the line to standard error."""
        click.echo(f"clone: {self.message}", file=file, err=True)


class WrongSetup(Failure):
    """The same for what only other settings or another installation can mend: exit code 2."""

    exit_code = 2
