"""Puts together what a model reads: a stable prefix, the conversation, then this turn's data."""

import secrets
from collections.abc import Sequence
from datetime import date

from langchain_core.messages import AnyMessage, HumanMessage, SystemMessage

from agent.state import FoundPassage
from agent.text import clean
from agent.understanding import Intent
from prompts.persona import Persona
from prompts.templates import render


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


def question_prompt(
    persona: Persona,
    history: Sequence[AnyMessage],
    message: str,
    passages: Sequence[FoundPassage],
    *,
    language: str,
    today: date,
) -> list[AnyMessage]:
    """Return the prompt of a question of fact about the person."""
    return [
        persona_block(persona),
        *history,
        HumanMessage(
            render(
                "question",
                name=persona.name,
                today=today.isoformat(),
                passages="\n\n".join(_block(n, p) for n, p in enumerate(passages, 1)),
                message=message,
                boundary=_boundary(),
                language=language,
            )
        ),
    ]


def conversation_prompt(
    persona: Persona,
    history: Sequence[AnyMessage],
    message: str,
    *,
    intent: Intent,
    language: str,
    today: date,
) -> list[AnyMessage]:
    """Return the prompt of small talk: nothing about the person is asked."""
    return [
        persona_block(persona),
        *history,
        HumanMessage(
            render(
                "conversation",
                name=persona.name,
                today=today.isoformat(),
                message=message,
                boundary=_boundary(),
                intent=intent,
                language=language,
            )
        ),
    ]


def _block(number: int, passage: FoundPassage) -> str:
    # A file may be named anything, lines included.
    title = " · ".join(
        " ".join(clean(each).split()) for each in (passage["document"], passage["section"]) if each
    )
    return f"[{number}] {title}\n{passage['text']}"


def _boundary() -> str:
    """Nobody who writes a document or a message can know it and pretend to close the fence."""
    return secrets.token_hex(6)
