"""Text as the clone compares it: cleaned, folded, cut into words and sentences."""

import re
import unicodedata

# Zero-width and bidirectional controls, soft hyphen, variation selectors and the Tag block:
# they are invisible to a person and can carry instructions to a model.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200c\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:[A-ZÀ-Ý]|Sr|Sra|Dr|Dra|St|Mr|Mrs|Prof|Av|R|Exmo|nº|n|p|pág|etc|vs|c|ca)\.$"
)
_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s|$)|\n{2,}")


def clean(text: str) -> str:
    """Return `text` without invisible, bidirectional and control characters.

    U+200D and U+FE0F stay: they hold emoji together.
    """
    return _CONTROL.sub("", _INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def fold(text: str) -> str:
    """Return `text` in lower case without accents, for comparison only."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def words(text: str) -> list[str]:
    """Return the folded words of `text`; a hyphenated word is one (`14-bis`)."""
    return _WORD.findall(fold(text))


def sentences(text: str) -> list[str]:
    """Cut `text` after sentence ends and blank lines; joined with spaces, no word is lost."""
    found: list[str] = []
    start = 0
    for end in _SENTENCE_END.finditer(text):
        piece = text[start : end.end()]
        if end.group().startswith(".") and _ABBREVIATION.search(piece):
            continue
        if piece.strip():
            found.append(" ".join(piece.split()))
        start = end.end()
    if text[start:].strip():
        found.append(" ".join(text[start:].split()))
    return found
