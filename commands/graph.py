"""`clone graph`: the route of a turn as a Mermaid diagram."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from commands.application import Application


@click.command()
@click.pass_obj
def graph(app: "Application") -> None:
    """Print the graph in Mermaid's language: paste it into a Markdown page or mermaid.live."""
    click.echo(app.graph().get_graph().draw_mermaid())
