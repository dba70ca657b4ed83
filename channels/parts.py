"""Cuts a reply into the messages that WhatsApp can carry."""

import re
import unicodedata
from collections.abc import Iterator

from agent.text import sentences
from channels.marks import BLOCK, links, open_marks

#: The longest `Body` that Twilio takes, in UTF-16 units; a longer one is refused (21617).
#: Twilio says "1,600 characters" for every channel, and that an emoji may count for several
#: (https://www.twilio.com/docs/api/errors/21617), not for how many. UTF-16 counts it twice, so a
#: count by characters never comes out higher; what is refused all the same can be cut again.
LIMIT = 1600
#: WhatsApp allows a pair about one message in six seconds; more parts would be held back.
MOST_PARTS = 3

# How full a part must be before it ends with a paragraph, a sentence, a word. Fuller parts are
# tried when the reply would not fit into them otherwise.
_Fullness = tuple[float, float, float]
_FULLNESS: tuple[_Fullness, ...] = ((0.5, 0.5, 0.5), (0.8, 0.8, 0.5), (1.0, 1.0, 0.5))
_LAST: _Fullness = (1.0, 0.5, 0.5)
_PARAGRAPH = re.compile(r"\n\s*\n")
_LIST_MARK = re.compile(r"[ \t>]*(?:(?:\d+[.)]|[-*+•☐☑])[ \t]*)*")
_EXTENDS = re.compile("[\u200d\u1160-\u11ff\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")
_FLAG_LETTER = re.compile("[\U0001f1e6-\U0001f1ff]")


def split_reply(text: str, limit: int = LIMIT, most: int = MOST_PARTS) -> list[str]:
    """Return `text` in at most `most` parts of at most `limit` UTF-16 units each, in order.

    Cut between paragraphs, else between sentences, else between words; never inside an emoji, an
    address or between a list's number and its item, if they fit in a part at all. WhatsApp's
    marks around what is cut are closed and opened again. What does not fit in the last part is
    left out at the end of a sentence and marked with "…".
    """
    for fullness in _FULLNESS:
        parts, rest = _pack(text.strip(), limit, most, fullness)
        if not rest:
            return parts
    parts, rest = _pack(text.strip(), limit, most - 1, _FULLNESS[1])
    last, _ = _cut(rest, limit - 2, _LAST)
    return [*parts, f"{last} …"]


def _pack(text: str, limit: int, most: int, fullness: _Fullness) -> tuple[list[str], str]:
    parts: list[str] = []
    rest = text
    while rest and len(parts) < most:
        if _units(rest) <= limit:
            return [*parts, rest], ""
        part, rest = _cut(rest, limit, fullness)
        parts.append(part)
    return parts, rest


def _units(text: str) -> int:
    """Length in UTF-16: an emoji beyond the BMP counts twice."""
    return len(text) + sum(character > "\uffff" for character in text)


def _cut(text: str, limit: int, fullness: _Fullness) -> tuple[str, str]:
    """Return the part that `text` begins with and what remains, both with their marks whole."""
    room = limit
    while room > limit // 2:
        end = _best_break(text, room, fullness)
        opening = _opening(text, end)
        part, rest = _close(text[:end].rstrip(), opening), _open(opening, text[end:].lstrip())
        over = _units(part) - limit
        if over <= 0 and _units(rest) < _units(text):
            return part, rest
        room -= over if over > 0 else limit // 8 + 1
    end = _best_break(text, limit, fullness)  # there is no room for the marks
    return text[:end].rstrip(), text[end:].lstrip()


def _opening(text: str, end: int) -> str:
    """Return what a part must begin with so that it looks like the line it continues."""
    line = text[text.rfind("\n", 0, end) + 1 : end]
    within = end < len(text) and not text[end:].lstrip(" \t").startswith("\n")
    return ("> " if within and line.startswith("> ") else "") + open_marks(text, end)


def _close(part: str, opening: str) -> str:
    if opening == BLOCK:
        return f"{part}\n{BLOCK}"
    return part + opening.removeprefix("> ")[::-1]


def _open(opening: str, rest: str) -> str:
    return f"{opening}\n{rest}" if opening == BLOCK else opening + rest


def _best_break(text: str, limit: int, fullness: _Fullness) -> int:
    """Return where to cut so that the head fits in `limit` units."""
    end = _fitting(text, limit)
    for breaks, full in zip((_paragraphs, _sentence_ends, _spaces), fullness, strict=True):
        # A break right behind the limit counts too: it stays outside.
        found = [at for at in breaks(text) if max(end * full, 1) <= at <= end]
        if fitting := [at for at in found if not _LIST_MARK.fullmatch(_line_before(text, at))]:
            return max(fitting)
    return _last_resort(text, end)


def _fitting(text: str, limit: int) -> int:
    units = 0
    for at, character in enumerate(text):
        units += 2 if character > "\uffff" else 1
        if units > limit:
            return at
    return len(text)


def _line_before(text: str, at: int) -> str:
    return text[text.rfind("\n", 0, at) + 1 : at]


def _paragraphs(text: str) -> Iterator[int]:
    return (found.start() for found in _PARAGRAPH.finditer(text))


def _spaces(text: str) -> Iterator[int]:
    return (at for at, character in enumerate(text) if character.isspace())


def _sentence_ends(text: str) -> list[int]:
    """Return where sentences and lines end; `sentences` knows the abbreviations, not the places."""
    lengths = [sum(not c.isspace() for c in sentence) for sentence in sentences(text)]
    ends = [at for at, character in enumerate(text) if character == "\n"]
    places = [at for at, character in enumerate(text) if not character.isspace()]
    told = 0
    for length in lengths:
        told += length
        ends.append(places[told - 1] + 1)
    return ends


def _last_resort(text: str, end: int) -> int:
    """Cut where there is no space: before an address, else between two characters as seen."""
    for start, stop in links(text):
        if start < end < stop and text[:start].strip(" \n(>*_~`"):
            return start - 1 if text[start - 1] == "(" else start
    whole = next((at for at in range(end, 0, -1) if not _joins(text, at)), 0)
    return whole or max(end, 1)


def _joins(text: str, at: int) -> bool:
    """Tell whether the characters around `at` are seen as one (most of Unicode's annex 29)."""
    if at >= len(text):
        return False
    before, after = text[at - 1], text[at]
    if before == "\u200d" or _EXTENDS.match(after) or unicodedata.category(after)[0] == "M":
        return True
    # A flag is a pair of letters: behind an odd number of them the second half follows.
    letters = 0
    while letters < at and _FLAG_LETTER.match(text[at - 1 - letters]):
        letters += 1
    return bool(_FLAG_LETTER.match(after)) and letters % 2 == 1
