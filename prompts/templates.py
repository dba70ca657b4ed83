"""The prompt texts, filled."""

from functools import cache
from pathlib import Path
from string import Formatter

_HERE = Path(__file__).parent


def render(template: str, /, **values: object) -> str:
    """Return the text of `<template>.md` with its placeholders filled.

    Values may hold braces: they are never read as placeholders. Raises `KeyError` for a
    placeholder without a value.
    """
    return _template(template).format_map(values)


def placeholders(name: str) -> set[str]:
    """Return the names that `<name>.md` leaves open."""
    return {field for _, field, _, _ in Formatter().parse(_template(name)) if field}


@cache
def _template(name: str) -> str:
    return (_HERE / f"{name}.md").read_text(encoding="utf-8")
