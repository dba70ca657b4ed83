"""Cuts a document into paragraphs to be read and, inside them, chunks to be found by.

A short chunk is found more exactly; its paragraph is what a reader needs to understand it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agent.text import sentences
from knowledge.sections import Section

#: Changes whenever the same text would be cut elsewhere.
CHUNKS_VERSION = 1

CHUNK_CHARACTERS = 300
#: At most; cut at sentence ends, the overlap comes to about 100 on average.
OVERLAP_CHARACTERS = 150
PARAGRAPH_CHARACTERS = 1000
# Paragraphs shorter than this are read together with the next: lists, dialogue, verse.
_SHORT_PARAGRAPH = 300
# Widths in characters of the pages that text was wrapped for; a short line with room left ended
# on purpose.
_NARROWEST_PAGE = 30
_WIDEST_PAGE = 110
_SHORT_LINE = 50
_ITEM = re.compile(r"\s*(?:[-*+•–—>|]|\d{1,3}[.)])\s")
_BLANK_LINE = re.compile(r"\n[ \t]*\n\s*")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Neighbouring sentences of one section, read together, with the chunks that find them."""

    section: str
    text: str
    chunks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Unit:
    """A sentence, or a line that stands alone, and the gap that parts it from the next."""

    text: str
    gap: str


def cut(sections: tuple[Section, ...]) -> Iterator[Paragraph]:
    """Yield the paragraphs of a document in order; every word of it is in one of them."""
    for section in sections:
        for units in _paragraphs(section.text):
            chunks = tuple(_join(chunk) for chunk in _chunks(units))
            yield Paragraph(section.title, _join(units), chunks)


def _paragraphs(text: str) -> Iterator[list[_Unit]]:
    """Group units up to the limit, ending at a blank line as soon as it is long enough."""
    group: list[_Unit] = []
    length = 0
    for unit in _units(text):
        if group and length + len(unit.text) > PARAGRAPH_CHARACTERS:
            yield group
            group, length = [], 0
        group.append(unit)
        length += len(unit.text) + len(unit.gap)
        if unit.gap == "\n\n" and length >= _SHORT_PARAGRAPH:
            yield group
            group, length = [], 0
    if group:
        yield group


def _chunks(units: list[_Unit]) -> Iterator[list[_Unit]]:
    """Slide a window over the units, each window starting with the end of the one before."""
    window: list[_Unit] = []
    for unit in units:
        if window and _length(window) + len(unit.text) > CHUNK_CHARACTERS:
            yield window
            window = _tail(window, room=CHUNK_CHARACTERS - len(unit.text))
        window.append(unit)
    if window:
        yield window


def _tail(window: list[_Unit], room: int) -> list[_Unit]:
    tail: list[_Unit] = []
    for unit in reversed(window[1:]):
        if _length([unit, *tail]) > min(OVERLAP_CHARACTERS, room):
            break
        tail.insert(0, unit)
    return tail


def _units(text: str) -> Iterator[_Unit]:
    for block in _BLANK_LINE.split(text.strip()):
        lines = list(_lines(block))
        for number, line in enumerate(lines):
            pieces = [piece for one in sentences(line) for piece in _fitting(one)]
            for piece in pieces[:-1]:
                yield _Unit(piece, " ")
            for piece in pieces[-1:]:
                yield _Unit(piece, "\n\n" if number == len(lines) - 1 else "\n")


def _lines(block: str) -> Iterator[str]:
    """Yield the lines that the writer meant, those that only a page's width broke put together."""
    width = max(_NARROWEST_PAGE, *(len(line) for line in block.split("\n")))
    meant: list[str] = []
    for line in block.split("\n"):
        if meant and _ends_meaning(meant[-1], line, width):
            yield "\n".join(meant)
            meant = []
        meant.append(line)
    yield "\n".join(meant)


def _ends_meaning(line: str, following: str, width: int) -> bool:
    """Tell whether the writer broke the line, rather than a page `width` characters wide."""
    if _ITEM.match(following) or len(line) > _WIDEST_PAGE:
        return True
    first_word = following.split(maxsplit=1)[0] if following.strip() else ""
    had_room = len(line.rstrip()) + 1 + len(first_word) <= width
    return had_room and (len(line) < _SHORT_LINE or not first_word[:1].islower())


def _fitting(sentence: str) -> Iterator[str]:
    """Cut a sentence that is longer than a chunk at spaces, or wherever it must be."""
    while len(sentence) > CHUNK_CHARACTERS:
        end = sentence.rfind(" ", 1, CHUNK_CHARACTERS + 1)
        end = end if end > 0 else CHUNK_CHARACTERS
        yield sentence[:end].rstrip()
        sentence = sentence[end:].lstrip()
    if sentence:
        yield sentence


def _join(units: list[_Unit]) -> str:
    return "".join(unit.text + unit.gap for unit in units).rstrip()


def _length(units: list[_Unit]) -> int:
    return sum(len(unit.text) + len(unit.gap) for unit in units)
