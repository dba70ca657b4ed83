"""`clone chat`: a conversation at the terminal, forgotten at its end."""

import asyncio
import logging
import sys
from typing import TYPE_CHECKING

import click

from agent.errors import CloneError
from agent.logs import configure_logging
from commands.asking import one_turn

if TYPE_CHECKING:
    from agent.clone import Clone
    from commands.application import Application


@click.command()
@click.pass_obj
def chat(app: "Application") -> None:
    """Talk with the clone here; an empty line or Ctrl-D ends it."""
    configure_logging(logging.WARNING, sys.stderr)
    asyncio.run(_chat(app))


async def _chat(app: "Application") -> None:
    click.echo(f"You are talking to the clone of {app.persona.name}. An empty line ends it.")
    async with app.clone(remember=False) as clone:
        while words := await asyncio.to_thread(_read):
            await _say(app, clone, words)


async def _say(app: "Application", clone: "Clone", words: str) -> None:
    try:
        reply = await one_turn(clone, app.settings, words)
    except CloneError as error:
        click.echo(click.style(f"  (no answer: {error})", fg="red"), err=True)
        return
    route = " → ".join(reply.route)
    click.echo(f"{click.style(app.persona.name, bold=True)}: {reply.text}")
    click.echo(click.style(f"  {route} · {reply.seconds:.2f} s", dim=True))


def _read() -> str:
    try:
        return input("> ").strip()
    except (EOFError, KeyboardInterrupt):
        return ""
