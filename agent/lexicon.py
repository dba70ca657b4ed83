"""What is known about words when a question meets a sentence: which mean the same, and what counts.

The knowledge is in prompts/quoting.toml; here it is read and compared.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

from agent.speech import written_out
from agent.text import words
from agent.tokens import query_words, word_tokens

#: Words that share less than this of their beginning or of their 4-grams are strangers.
_ALIKE = 0.5
_SYNONYM = 0.9
_SHORTEST_STEM = 3
_SHORTEST_WORD = 4


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The word lists of prompts/quoting.toml."""

    concepts: Mapping[str, frozenset[int]]
    members: tuple[tuple[str, ...], ...]
    frames: frozenset[str]
    leaning: frozenset[str]
    #: Kind of answer → pattern of the questions that ask for it, and of the sentences that hold it.
    asks: Mapping[str, re.Pattern[str]]
    holds: Mapping[str, re.Pattern[str]]
    #: How contacts ask for, and say, what they told of themselves.
    recall: Mapping[str, re.Pattern[str]]
    recall_frames: frozenset[str]


@cache
def lexicon() -> Lexicon:
    """Return the word lists, read once in the life of the process."""
    source = resources.files("prompts").joinpath("quoting.toml")
    data = tomllib.loads(source.read_text(encoding="utf-8"))
    members = tuple(tuple(line.split()) for line in data["concepts"])
    concepts: dict[str, set[int]] = {}
    for number, line in enumerate(members):
        for word in line:
            concepts.setdefault(word, set()).add(number)
    return Lexicon(
        concepts={word: frozenset(numbers) for word, numbers in concepts.items()},
        members=members,
        frames=frozenset(data["frames"].split()),
        leaning=frozenset(data["leaning"].split()),
        asks=_compiled(data["asks"]),
        holds=_compiled(data["holds"]),
        recall=_compiled(data["recall"]),
        recall_frames=frozenset(data["recall_frames"].split()),
    )


def _compiled(patterns: Mapping[str, str]) -> dict[str, re.Pattern[str]]:
    return {name: re.compile(pattern) for name, pattern in patterns.items()}


def kindred(text: str) -> list[str]:
    """Return the words that mean the same as the words of `text`, in any of the languages.

    A search that compares spellings finds with them what is written in another language.
    """
    known = lexicon()
    numbers = {number for word in query_words(text) for number in known.concepts.get(word, ())}
    return [word for number in sorted(numbers) for word in known.members[number]]


def telling_words(question: str, names: Iterable[str]) -> list[str]:
    """Return the words of `question` that tell what is asked, without those of the person."""
    idle = lexicon().frames | {word for name in names for word in words(name)}
    # A search also looks for other forms of a word ("nasceu", "nasci"): they would count twice.
    own = set(word_parts(written_out(question)))
    return [word for word in query_words(question) if word in own and word not in idle]


def word_parts(text: str) -> list[str]:
    """Return the folded words of `text`, a hyphenated one in its parts and in one piece."""
    found: list[str] = []
    for word in words(text):
        parts = word.split("-")
        found += [*parts, "".join(parts)] if len(parts) > 1 else parts
    return found


def kinds_asked(question: str) -> list[str]:
    """Return the kinds of answer that `question` asks for, e.g. `date`."""
    plain = written_out(question)
    asks = lexicon().asks.items()
    return [kind for kind, pattern in asks if kind != "kin" and pattern.search(plain)]


def match(wanted: str, found: Iterable[str]) -> float:
    """Return how surely `wanted` is among the words `found`, from 0 to 1."""
    return max((alike(wanted, word) for word in found), default=0.0)


@lru_cache(maxsize=20_000)
def alike(one: str, other: str) -> float:
    """Return how surely two folded words mean the same, from 0 to 1."""
    if one == other:
        return 1.0
    concepts = lexicon().concepts
    mine, theirs = concepts.get(one), concepts.get(other)
    if mine and theirs:
        # Both are known: "casado" is of a marriage, however much it looks like "casa".
        return _SYNONYM if mine & theirs else 0.0
    if min(len(one), len(other)) < _SHORTEST_WORD or one.isdigit() or other.isdigit():
        return 0.0
    shared = next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
    stem = shared / max(len(one), len(other)) if shared >= _SHORTEST_STEM else 0.0
    ours, others = set(word_tokens(one)[1:]), set(word_tokens(other)[1:])
    grams = 2 * len(ours & others) / (len(ours) + len(others))
    value = max(stem, grams)
    return value if value >= _ALIKE else 0.0
