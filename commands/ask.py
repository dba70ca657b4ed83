"""`clone ask`: one question, one answer, nothing remembered."""

import asyncio
import json
import logging
import sys
from typing import TYPE_CHECKING

import click

from commands.asking import one_turn

if TYPE_CHECKING:
    from agent.messages import Reply
    from commands.application import Application


@click.command(short_help="Ask one question.")
@click.argument("question")
@click.option("--json", "as_json", is_flag=True, help="Print text, sources, route, seconds, model.")
@click.pass_obj
def ask(app: "Application", question: str, as_json: bool) -> None:
    """Ask the clone one QUESTION, without WhatsApp; nothing is remembered.

    \b
    clone ask "quando foi o primeiro voo do 14-bis?"
    clone ask --json "where were you born?" | jq .sources
    """  # noqa: D301
    if not question.strip():
        raise click.UsageError("the question is empty")
    app.log_to(logging.ERROR, sys.stderr)
    reply = asyncio.run(_ask(app, question))
    if as_json:
        click.echo(json.dumps(_told(reply), ensure_ascii=False, indent=2))
        return
    click.echo(reply.text)
    for document in dict.fromkeys(source.document for source in reply.sources):
        click.echo(click.style(f"  — {document}", dim=True), err=True)


async def _ask(app: "Application", question: str) -> "Reply":
    async with app.clone(remember=False) as clone:
        return await one_turn(clone, app.settings, question)


def _told(reply: "Reply") -> dict[str, object]:
    return {
        "text": reply.text,
        "sources": [
            {
                "document": source.document,
                "section": source.section,
                "excerpt": source.text,
                "score": round(source.score, 4),
            }
            for source in reply.sources
        ],
        "route": list(reply.route),
        "seconds": round(reply.seconds, 3),
        "model": reply.model,
    }
