"""`clone migrate`: brings the database's tables up to date."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from commands.application import Application


@click.command(short_help="Bring the database up to date.")
@click.pass_obj
def migrate(app: "Application") -> None:
    """Bring the database up to date; `clone serve` does it too when it starts.

    By hand it is for a deployment that wants to know before it starts the new version.
    """
    app.database.migrate()
    click.echo("The database is up to date.")
