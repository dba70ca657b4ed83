"""`clone graph`: the route of a turn as a Mermaid diagram."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from commands.application import Application


@click.command(short_help="Print the route of a turn as a diagram.")
@click.pass_obj
def graph(app: "Application") -> None:
    """Print the route of a turn in Mermaid's language, for a Markdown page or mermaid.live.

    \b
    clone graph > route.mmd
    """  # noqa: D301
    click.echo(app.graph().get_graph().draw_mermaid())
