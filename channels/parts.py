"""Cuts a reply into the messages that WhatsApp can carry."""

import re

#: Twilio refuses a longer `Body` (error 21617).
LIMIT = 1600
#: WhatsApp allows a pair about one message in six seconds; more parts would be held back.
MOST_PARTS = 3

_BREAKS = (re.compile(r"\n\s*\n"), re.compile(r"\n|(?<=[.!?…])\s"), re.compile(r"\s"))


def split_reply(text: str, limit: int = LIMIT, most: int = MOST_PARTS) -> list[str]:
    """Return `text` in at most `most` parts of at most `limit` UTF-16 units each, in order.

    Cut between paragraphs, else between sentences, else between words; what does not fit in
    the last part is left out and marked with "…".
    """
    parts: list[str] = []
    rest = text.strip()
    while rest and len(parts) < most:
        if _units(rest) <= limit:
            return [*parts, rest]
        last = len(parts) + 1 == most
        end = _cut(rest, limit - 2 if last else limit)
        piece = rest[:end].rstrip()
        parts.append(f"{piece} …" if last else piece)
        rest = rest[end:].strip()
    return parts


def _units(text: str) -> int:
    """Length as JavaScript and WhatsApp count it: an emoji beyond the BMP counts twice."""
    return len(text.encode("utf-16-le")) // 2


def _cut(text: str, limit: int) -> int:
    """Return where to cut `text` so that the head fits, at the best break of its second half."""
    end = limit
    while _units(text[:end]) > limit:
        end -= 1
    for pattern in _BREAKS:
        # A break right behind the limit counts too: it stays outside.
        found = [match.start() for match in pattern.finditer(text, end // 2, end + 2)]
        if fitting := [start for start in found if start <= end]:
            return fitting[-1]
    return end
