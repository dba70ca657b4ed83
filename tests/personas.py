"""A small invented persona, whose lines tell their own kind and language."""

from dataclasses import fields
from typing import Any

from prompts.persona import LANGUAGES, Lines, Persona


def lines(language: str) -> Lines:
    """Return lines such as `greeting 1 pt`, six of each kind that has several."""
    values: dict[str, Any] = {
        field.name: tuple(f"{field.name} {n} {language}" for n in range(1, 7))
        if "least" in field.metadata
        else f"{field.name} {language}"
        for field in fields(Lines)
    }
    holding = {name: f"{name} {language}: {{words}}" for name in ("recall", "heard")}
    return Lines(**values | holding)


def persona() -> Persona:
    """Return a clone that speaks all three languages."""
    return Persona(
        name="Ana Prado",
        aliases=("Aninha",),
        languages=LANGUAGES,
        tone="Fala pouco e com calma.",
        lines={language: lines(language) for language in LANGUAGES},
    )
