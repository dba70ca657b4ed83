"""The form that every reader gives a document: sections of plain text."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of a document under one title; blank lines part its paragraphs."""

    #: The headings above it, outermost first, joined by ` › `; empty where there are none.
    title: str
    text: str
