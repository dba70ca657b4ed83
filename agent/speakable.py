"""What of a reply can be spoken, and what has to be read."""

import re
from dataclasses import dataclass

from agent.links import BARE_DOMAIN
from agent.text import words

#: So many characters take some 110 s to say; a voice note may last about 128 s.
SPEECH_LIMIT = 1500
#: A reply of fewer words around its links and numbers is no sentence.
_FEWEST_WORDS = 3
#: So many lines that begin like items make a list.
_FEWEST_ITEMS = 3

_CODE = re.compile(r"```|^(?: {4}|\t)\S.*[;{}=]", re.MULTILINE)
_TABLE = re.compile(r"^\s*\|?\s*:?-{3,}:?\s*\|", re.MULTILINE)
_ITEM = re.compile(r"^\s*(?:[-*+•‣▪·]|\d{1,2}[.)]|[a-z]\))\s+(?=\S)", re.MULTILINE)
_NAMED_LINK = re.compile(
    r"!?\[([^\[\]\n]+)\]\(([^\s()]+(?:\([^\s()]*\)[^\s()]*)?)(?: \"[^\"\n]*\")?\)"
)

_TAIL = r"[^\s<>\[\]\"'«»“”]*[^\s<>\[\]\"'«»“”.,;:!?…)*_~`]"
_EMAIL = r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
_LINK = (
    rf"\b[a-z][a-z0-9+.-]{{0,20}}://{_TAIL}|\bwww\.{_TAIL}"
    rf"|(?<![\w@.-])(?:[a-z0-9-]+\.)+[a-z]{{2,24}}/{_TAIL}"
    rf"|{BARE_DOMAIN}"
)
_RANDOM_KEY = r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
#: A telephone, a document, a postal code, an account: read digit by digit, and written down.
_NUMBER = r"(?<![\w.,/-])\+?\(?\d(?:[\d().\-/]|[ \u00a0](?=[\d(]))*\d(?![\w/])"
_UNSPEAKABLE = re.compile(
    rf"(?:mailto:)?(?P<email>{_EMAIL})|(?P<link>{_LINK})|(?P<key>{_RANDOM_KEY})|(?P<number>{_NUMBER})",
    re.IGNORECASE,
)
_FEWEST_DIGITS = 8
#: Numbers with many digits that are said as words: dates, spans of years, thousands.
_YEAR = r"(?:1\d{3}|20\d{2})"
_SAID = re.compile(
    rf"{_YEAR}(?:[ /-]+{_YEAR})+"
    rf"|\d{{1,2}}([/.-])\d{{1,2}}\1\d{{2,4}}|{_YEAR}([/.-])\d{{2}}\2\d{{2}}"
    r"|\d{1,3}(?:[. \u00a0]\d{3})+"
)

_EMOJI = re.compile(
    "[\U0001f000-\U0001faff\u2190-\u21ff\u2300-\u23ff\u2460-\u27bf\u2b00-\u2bff\u3030\u303d\u3297"
    "\u3299\u200d\ufe0f\u20e3\U000e0020-\U000e007f]+"
)
_SMILEY = re.compile(r"(?<!\S)(?:[:;=xX][-'o]?[)(DPpO3/|*]|<3|\^_?\^)(?!\S)")
_LINE_MARK = re.compile(r"^\s*(?:#{1,6}|>+)\s+|^\s*(?:[-*_]\s*){3,}$", re.MULTILINE)
_STRESS = re.compile(r"(?<!\w)(\*{1,3}|_{1,3}|~{1,2}|`)(?=\S)([^\n]{0,120}?\S)\1(?!\w)")
#: So deep may stress stand inside stress: **_word_**.
_DEEPEST = 3
_ENDED = re.compile(r"[.!?…:;,][\"'”’»)\]]*$")


@dataclass(frozen=True, slots=True)
class Speakable:
    """A reply made ready to be heard."""

    words: str
    #: What it holds that cannot be spoken and must not be lost, a line each; empty for nothing.
    beside: str = ""


def speakable(text: str, *, stand_in: str = "") -> Speakable | None:
    """Return `text` as it can be said, None where it is better read.

    Links, e-mail addresses and long numbers give way to `stand_in`, which should say that they
    come in writing; emoji and marks of formatting are left out.
    """
    if _is_for_the_eye(text):
        return None
    kept: list[str] = []

    def named(match: re.Match[str]) -> str:
        kept.append(match[2])
        return match[1]

    def replaced(match: re.Match[str]) -> str:
        if match["number"] and not _is_long(match["number"]):
            return match.group()
        kept.append(match.group().removeprefix("mailto:"))
        return "\0"

    plain = _UNSPEAKABLE.sub(replaced, _NAMED_LINK.sub(named, text))
    plain = _without_marks(plain)
    if len(words(plain)) < (_FEWEST_WORDS if kept else 1):
        return None
    said = _tidy(plain.replace("\0", stand_in))
    if len(said) > SPEECH_LIMIT:
        return None
    return Speakable(said, "\n".join(dict.fromkeys(kept)))


def _is_for_the_eye(text: str) -> bool:
    items = len(_ITEM.findall(text))
    return bool(_CODE.search(text) or _TABLE.search(text)) or items >= _FEWEST_ITEMS


def _is_long(number: str) -> bool:
    return sum(map(str.isdigit, number)) >= _FEWEST_DIGITS and not _SAID.fullmatch(number)


def _without_marks(text: str) -> str:
    """Return one line of plain text; what stood in lines of its own becomes a sentence."""
    text = _LINE_MARK.sub("", _ITEM.sub("", text))
    text = _SMILEY.sub("", _EMOJI.sub(" ", text))
    for _ in range(_DEEPEST):
        text = _STRESS.sub(r"\2", text)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    lines = [line for line in lines if words(line) or "\0" in line]
    ended = [line if _ENDED.search(line) else f"{line}." for line in lines[:-1]]
    return " ".join((*ended, *lines[-1:]))


def _tidy(text: str) -> str:
    """Close the gaps that were left."""
    text = re.sub(r"\(\s*\)|«\s*»|\"\s*\"", "", text)
    text = re.sub(r"[ \u00a0]{2,}", " ", text)
    return re.sub(r"\s+([.,;:!?…])", r"\1", text).strip()
