"""Puts together what a model reads: a stable prefix, the conversation, then this turn's data."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from langchain_core.messages import AnyMessage, HumanMessage, SystemMessage

from agent.state import Background, FoundPassage
from agent.text import clean
from agent.understanding import Intent
from prompts.persona import Persona
from prompts.templates import render

#: The longest that a model reads of each thing a message refers to, in characters.
BACKGROUND_LIMIT = 500


def persona_block(persona: Persona) -> SystemMessage:
    """Return the same bytes for every contact and day, so that providers can cache them."""
    give_out = "\n".join(f"- {label}: {value}" for label, value in persona.give_out.items())
    return SystemMessage(
        render(
            "system",
            name=persona.name,
            tone=persona.tone,
            reply_characters=persona.reply_characters,
            give_out=give_out or "- nothing",
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What surrounds a message, whatever it wants."""

    language: str
    today: date
    #: Whether the reply leaves with the notice in front that an AI speaks.
    behind_notice: bool = False
    background: Sequence[Background] = ()


def question_prompt(
    persona: Persona,
    history: Sequence[AnyMessage],
    message: str,
    passages: Sequence[FoundPassage],
    *,
    circumstances: Circumstances,
) -> list[AnyMessage]:
    """Return the prompt of a question of fact about the person."""
    return [
        persona_block(persona),
        *history,
        HumanMessage(
            render(
                "question",
                name=persona.name,
                passages="\n\n".join(_block(n, p) for n, p in enumerate(passages, 1)),
                message=message,
                **_told_of(circumstances),
            )
        ),
    ]


def conversation_prompt(
    persona: Persona,
    history: Sequence[AnyMessage],
    message: str,
    *,
    intent: Intent,
    circumstances: Circumstances,
) -> list[AnyMessage]:
    """Return the prompt of small talk: nothing about the person is asked."""
    return [
        persona_block(persona),
        *history,
        HumanMessage(
            render(
                "conversation",
                name=persona.name,
                message=message,
                intent=intent,
                **_told_of(circumstances),
            )
        ),
    ]


def shortened(words: str) -> str:
    """Return what a message refers to as one clean line of at most `BACKGROUND_LIMIT`."""
    line = " ".join(clean(words).split())
    return line if len(line) <= BACKGROUND_LIMIT else f"{line[: BACKGROUND_LIMIT - 1]}…"


def _told_of(circumstances: Circumstances) -> dict[str, str]:
    """Return what fills both templates; the data of a prompt shares one boundary."""
    boundary = _boundary()
    lines = [
        f"{each['source']}: {words}"
        for each in circumstances.background
        if (words := shortened(each["words"]))
    ]
    return {
        "boundary": boundary,
        "today": circumstances.today.isoformat(),
        "language": circumstances.language,
        "notice": "yes" if circumstances.behind_notice else "no",
        "background": _background(lines, boundary) if lines else "",
    }


def _background(lines: Sequence[str], boundary: str) -> str:
    return render("background", background="\n".join(lines), boundary=boundary)


def _block(number: int, passage: FoundPassage) -> str:
    # A file may be named anything, lines included.
    title = " · ".join(
        " ".join(clean(each).split()) for each in (passage["document"], passage["section"]) if each
    )
    return f"[{number}] {title}\n{passage['text']}"


def _boundary() -> str:
    """Nobody who writes a document or a message can know it and pretend to close the fence."""
    return secrets.token_hex(6)
