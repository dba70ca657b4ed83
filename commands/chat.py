"""`clone chat`: a conversation at the terminal, forgotten at its end."""

import asyncio
import contextlib
import logging
import sys
from typing import TYPE_CHECKING

import click

from agent.errors import CloneError
from commands.asking import one_turn

if TYPE_CHECKING:
    from agent.clone import Clone
    from agent.messages import Reply
    from commands.application import Application


@click.command(short_help="Talk with the clone here.")
@click.pass_obj
def chat(app: "Application") -> None:
    """Talk with the clone here; an empty line or Ctrl-D ends it.

    The conversation is remembered until then, and nothing of it is kept. Ctrl-C stops an answer
    that takes too long.
    """
    app.log_to(logging.ERROR, sys.stderr)
    with contextlib.suppress(ImportError):
        # Its import alone gives the prompt arrow keys and a history.
        import readline  # noqa: F401
    click.echo(f"You are talking to the clone of {app.persona.name}. An empty line ends it.")
    # The words are read outside the event loop: a thread that waits for them would outlive Ctrl-C.
    with asyncio.Runner() as runner:
        opened = contextlib.AsyncExitStack()
        clone = runner.run(opened.enter_async_context(app.clone(remember=False)))
        try:
            while words := _read():
                _answer(app, runner, clone, words)
        finally:
            runner.run(opened.aclose())


def _answer(app: "Application", runner: asyncio.Runner, clone: "Clone", words: str) -> None:
    try:
        reply = runner.run(one_turn(clone, app.settings, words))
    except CloneError as error:
        click.echo(click.style(f"  (no answer: {error})", fg="red"), err=True)
    except KeyboardInterrupt:
        click.echo(click.style("\n  (stopped)", dim=True), err=True)
    else:
        _show(app.persona.name, reply)


def _show(name: str, reply: "Reply") -> None:
    click.echo(f"{click.style(name, bold=True)}: {reply.text}")
    told = [" → ".join(reply.route), f"{reply.seconds:.2f} s"]
    told += dict.fromkeys(source.document for source in reply.sources)
    click.echo(click.style(f"  {' · '.join(told)}", dim=True))


def _read() -> str:
    try:
        return input("> ").strip()
    except (EOFError, KeyboardInterrupt):
        click.echo()
        return ""
