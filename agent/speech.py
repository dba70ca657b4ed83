"""How people write in a chat: clauses with their chat spelling written out, and their patterns."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from agent.text import fold, words

#: Longer clauses are judged by their beginning: it says what they want, and the cost is bounded.
_LONGEST = 40
_LONGEST_WORD = 40
_SENTENCE = re.compile(r"[^.!?…\n]+[.!?…]*")
_CLAUSE = re.compile(r"[,;:()¿¡«»\"“”—–\U0001f000-\U0001faff]+|\s-\s")
_CLASS = re.compile(r"<([a-z_]+)>")
_STRETCHED = re.compile(r"([aeiou])\1{2,}")
_CLITIC = re.compile(r"-(me|te|se|lhe|nos|o|a)\b")


@dataclass(frozen=True, slots=True)
class Clause:
    """A stretch of a message between marks, in folded words joined by one space."""

    text: str
    asked: bool = False
    exclaimed: bool = False
    #: Whether it holds a number, or a capital after its first word.
    named: bool = False


@dataclass(frozen=True, slots=True)
class Speech:
    """The word classes of prompts/understanding.toml, made into patterns."""

    patterns: Mapping[str, re.Pattern[str]]
    words: Mapping[str, frozenset[str]]
    marks: Mapping[str, tuple[str, ...]]
    abbreviations: Mapping[str, str]

    def fits(self, name: str, clause: str) -> bool:
        """Tell whether the pattern called `name` fits `clause` from its beginning."""
        return self.patterns[name].match(clause) is not None

    def after(self, name: str, clause: str) -> str | None:
        """Return what follows the pattern called `name` in `clause`, None where it does not fit."""
        match = self.patterns[name].match(clause)
        return clause[match.end() :].strip() if match and match.end() else None


@cache
def speech() -> Speech:
    """Return the patterns, read once in the life of the process."""
    source = resources.files("prompts").joinpath("understanding.toml")
    data = tomllib.loads(source.read_text(encoding="utf-8"))
    classes: dict[str, str] = data["classes"]

    def expanded(pattern: str) -> str:
        return _CLASS.sub(lambda name: f"(?:{expanded(classes[name[1]])})", pattern)

    def compiled(patterns: Sequence[str]) -> re.Pattern[str]:
        return re.compile("|".join(f"(?:{expanded(pattern)})" for pattern in patterns))

    languages: dict[str, dict[str, str]] = data["languages"]
    return Speech(
        patterns={name: compiled(patterns) for name, patterns in data["patterns"].items()},
        words={code: frozenset(each["words"].split()) for code, each in languages.items()},
        marks={code: _marks(each["marks"]) for code, each in languages.items()},
        abbreviations={fold(short): fold(full) for short, full in data["abbreviations"].items()},
    )


def _marks(listed: str) -> tuple[str, ...]:
    """Return the marks of a list, `_` made into the space at a word's edge."""
    return tuple(mark.replace("_", " ") for mark in listed.split())


def written_out(text: str) -> str:
    """Return the folded words of `text`, its chat abbreviations written out, in one line."""
    known = speech().abbreviations
    folded = _CLITIC.sub(r" \1", unstretched(fold(text)))
    found = (word[:_LONGEST_WORD] for word in words(folded)[:_LONGEST])
    return " ".join(known.get(word, word) for word in found)


def unstretched(text: str) -> str:
    """Return `text` with its drawn-out vowels ("ooooi") made short."""
    return _STRETCHED.sub(r"\1", text)


def clauses(text: str) -> Iterator[Clause]:
    """Cut `text` at its marks; only the last clause of a sentence carries its question mark."""
    for sentence in _SENTENCE.findall(text):
        body = sentence.rstrip(".!?…")
        end = sentence[len(body) :]
        pieces = [(written_out(piece), piece) for piece in _CLAUSE.split(body)]
        pieces = [(plain, piece) for plain, piece in pieces if plain]
        for number, (plain, piece) in enumerate(pieces, start=1):
            asked = number == len(pieces) and ("?" in end or "¿" in body)
            later = piece.split()[1:]
            named = any(word[0].isupper() or word.isdigit() for word in later)
            yield Clause(plain, asked, "!" in end, named)
