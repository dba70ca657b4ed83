"""Which sentences of the passages answer a question, and whether any does."""

import math
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

from agent.text import fold, sentences, words
from agent.tokens import query_words, word_tokens

#: Share of the question's weight that a sentence and its surroundings must cover to be an answer.
SUPPORT = 0.6
#: How much of a matched word counts when it stands beside the sentence, not in it.
_NEAR = 0.75
_BESIDE = 0.4
_ALIKE = 0.5
_BRIEF = 8
_SHORT = 60
_MEASURES = {"money", "length", "speed", "weight", "age"}
_REQUIRED = {"date", "number", *_MEASURES}
_NUMBER = re.compile(r"\d[\w-]*")
_YEAR = re.compile(r"\b(?:1[0-9]{3}|20[0-9]{2})\b")
#: A word that stands nowhere in the passages counts at least so much against an answer.
_MOST = 3
_LONGEST_QUOTE = 600
_MARKUP = re.compile(r"^\s*(?:[-*+>]|\d+[.)]|#{1,6})\s+|[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}", re.M)
_NAME = re.compile(r"(?<![.!?…:]\s)(?<!^)\b[A-ZÀ-Ý][\w'’=-]+")
_PLACE = re.compile(
    r"\b(?:em|no|na|nos|nas|de|do|da|a|à|ao|até|para|in|at|to|near|from|en|hasta|desde)"
    r"(?: [a-zà-ÿ]+){0,3} [A-ZÀ-Ý][\w'’-]+"
)


@dataclass(frozen=True, slots=True)
class Source:
    """A numbered passage as the prompt shows it."""

    number: int
    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class Quotation:
    """The sentences that answer, and the numbers of the passages they stand in."""

    text: str
    numbers: tuple[int, ...]
    #: Share of the question's weight that is covered, in [0, 1].
    support: float


@dataclass(frozen=True, slots=True)
class _Lexicon:
    concepts: dict[str, frozenset[int]]
    frames: frozenset[str]
    leaning: frozenset[str]
    asks: dict[str, re.Pattern[str]]
    holds: dict[str, re.Pattern[str]]


@dataclass(frozen=True, slots=True)
class _Sentence:
    source: Source
    place: int
    text: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Asked:
    """The words of a question, those that tell it apart, and the names of the person."""

    words: frozenset[str]
    wanted: tuple[str, ...]
    called: frozenset[str]


@cache
def _lexicon() -> _Lexicon:
    text = resources.files("prompts").joinpath("quoting.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    concepts: dict[str, set[int]] = {}
    for number, line in enumerate(data["concepts"]):
        for word in line.split():
            concepts.setdefault(word, set()).add(number)
    return _Lexicon(
        concepts={word: frozenset(numbers) for word, numbers in concepts.items()},
        frames=frozenset(data["frames"].split()),
        leaning=frozenset(data["leaning"].split()),
        asks={kind: re.compile(pattern) for kind, pattern in data["asks"].items()},
        holds={kind: re.compile(pattern) for kind, pattern in data["holds"].items()},
    )


def quote(
    question: str, sources: Sequence[Source], *, about: str = "", names: Iterable[str] = ()
) -> Quotation | None:
    """Return the sentences of `sources` that answer `question`, or None when nothing does.

    `about` is what was asked before: it lends its words to a follow-up that has none of its own.
    `names` are those of the person, which say nothing about what is asked.
    """
    lexicon = _lexicon()
    called = {word for name in names for word in words(name)}
    wanted = _wanted(question, lexicon, called) or _wanted(about, lexicon, called)
    found = [sentence for source in sources for sentence in _read(source)]
    if not wanted or not found:
        return None
    asked_words = query_question(question)
    folded = " ".join(asked_words)
    asked = _Asked(frozenset(asked_words), tuple(wanted), frozenset(called))
    kinds = [kind for kind, pattern in lexicon.asks.items() if pattern.search(folded)]
    if set(kinds) & _MEASURES:
        kinds = [kind for kind in kinds if kind != "number"]
    weights = {word: _weight(word, found) for word in wanted}
    best, score, support = None, 0.0, 0.0
    for sentence in found:
        near = _near(sentence, found)
        covered, here = _covered(sentence, near, weights)
        fits = _fits(sentence, kinds, asked, lexicon)
        if fits is None or covered < SUPPORT or here == 0 or not _numbered(near, sentence, asked):
            continue
        value = here + _BESIDE * (covered - here) + fits - 0.004 * sentence.source.number
        if value > score:
            best, score, support = sentence, value, covered
    if best is None:
        return None
    chosen = _with_neighbours(best, found, _more(best, kinds))
    return Quotation(" ".join(each.text for each in chosen), (best.source.number,), support)


def query_question(question: str) -> list[str]:
    """Return the folded words of a question, chat abbreviations written out."""
    from agent.tokens import _ABBREVIATIONS

    return [meant for word in words(question) for meant in _ABBREVIATIONS.get(word, [word])]


def _wanted(question: str, lexicon: _Lexicon, called: set[str]) -> list[str]:
    found = [word for word in query_words(question) if word not in called]
    return [word for word in found if word not in lexicon.frames]


def _read(source: Source) -> list[_Sentence]:
    plain = _MARKUP.sub("", source.text)
    return [
        _Sentence(source, place, text, tuple(_parts(text)))
        for place, text in enumerate(sentences(plain))
    ]


def _parts(text: str) -> list[str]:
    found: list[str] = []
    for word in words(text):
        parts = word.split("-")
        found += [*parts, "".join(parts)] if len(parts) > 1 else parts
    return found


@lru_cache(maxsize=20_000)
def _alike(wanted: str, word: str) -> float:
    """Return how surely two folded words are forms of one, from 0 to 1."""
    if wanted == word:
        return 1.0
    concepts = _lexicon().concepts
    if concepts.get(wanted, frozenset()) & concepts.get(word, frozenset()):
        return 0.9
    if min(len(wanted), len(word)) < 4 or wanted.isdigit() or word.isdigit():
        return 0.0
    same = 0
    for one, other in zip(wanted, word, strict=False):
        if one != other:
            break
        same += 1
    stem = same / max(len(wanted), len(word)) if same >= 3 else 0.0
    mine, theirs = set(word_tokens(wanted)[1:]), set(word_tokens(word)[1:])
    grams = 2 * len(mine & theirs) / (len(mine) + len(theirs))
    value = max(stem, grams)
    return value if value >= _ALIKE else 0.0


def _match(wanted: str, found: Iterable[str]) -> float:
    return max((_alike(wanted, word) for word in found), default=0.0)


def _weight(word: str, found: Sequence[_Sentence]) -> float:
    """Return how much a word tells apart: the rarer among the sentences, the more."""
    holding = sum(_match(word, sentence.words) > 0 for sentence in found)
    return math.log(1 + len(found) / max(holding, 1)) if holding else math.log(1 + len(found))


def _near(sentence: _Sentence, found: Sequence[_Sentence]) -> list[str]:
    """Return the words around a sentence: its passage's heading and its neighbours."""
    around = _parts(sentence.source.heading)
    for other in found:
        if other.source is sentence.source and abs(other.place - sentence.place) <= 2:
            around += other.words
    return around


def _covered(
    sentence: _Sentence, near: list[str], weights: dict[str, float]
) -> tuple[float, float]:
    """Return the share of the question's weight in and around a sentence, and in it alone."""
    total = sum(weights.values())
    here = {word: _match(word, sentence.words) for word in weights}
    in_it = sum(weights[word] * here[word] for word in weights)
    around = sum(weights[word] * max(here[word], _NEAR * _match(word, near)) for word in weights)
    return around / total, in_it / total


def _fits(
    sentence: _Sentence, kinds: Sequence[str], asked: _Asked, lexicon: _Lexicon
) -> float | None:
    """Return a bonus for holding what is asked for, None when that is missing."""
    folded = fold(sentence.text)
    # A number that the question itself names is no answer to it.
    news = _NUMBER.sub(lambda number: "" if number[0] in asked.words else number[0], folded)
    bonus = 0.1 * min(1.0, _BRIEF / max(len(sentence.words), 1))
    for kind in kinds:
        if kind in ("person", "name"):
            names = (set(words(name)) for name in _NAME.findall(sentence.text))
            held = any(name - asked.words - asked.called for name in names)
            if kind == "name" and lexicon.holds["name"].search(folded):
                bonus += 0.15
        elif kind == "place":
            held = bool(_PLACE.search(sentence.text))
        elif kind == "definition":
            held = _defines(sentence, asked)
        elif kind == "story":
            held = sentence.place == 0
        else:
            held = bool(lexicon.holds[kind].search(_without_dates(news, kind, lexicon)))
        if not held and kind in _REQUIRED:
            return None
        bonus += 0.25 if held else -0.1
    if lexicon.holds["first_person"].search(folded):
        bonus += 0.05
    if "date" in kinds and _YEAR.search(news):
        bonus += 0.1
    return bonus


def _numbered(near: Sequence[str], sentence: _Sentence, asked: _Asked) -> bool:
    """Tell whether each number of the question stands in or beside a sentence.

    Number 1 and number 6 of a series are told apart by nothing else.
    """
    numbers = {word for word in asked.wanted if word.isdigit()}
    return numbers <= {*near, *sentence.words}


def _without_dates(folded: str, kind: str, lexicon: _Lexicon) -> str:
    """Return a sentence without its dates when another kind of number is looked for."""
    return lexicon.holds["date"].sub(" ", folded) if kind == "number" else folded


def _defines(sentence: _Sentence, asked: _Asked) -> bool:
    """Tell whether a sentence opens with what was asked about, as a definition does."""
    return any(_match(word, sentence.words[:5]) == 1 for word in asked.wanted)


def _more(best: _Sentence, kinds: Sequence[str]) -> int:
    """Return how many sentences to quote after the best: one fact needs none, a story two."""
    if "story" in kinds:
        return 2
    precise = set(kinds) - {"reason", "definition", "meaning"}
    return 0 if precise and len(best.text) > _SHORT else 1


def _with_neighbours(best: _Sentence, found: Sequence[_Sentence], more: int) -> list[_Sentence]:
    """Return the sentence with the one it leans on and at most `more` of those that follow."""
    passage = [each for each in found if each.source is best.source]
    leans = best.place > 0 and best.words[:1] and best.words[0] in _lexicon().leaning
    first = best.place - 1 if leans else best.place
    chosen = passage[first : best.place + more + 1]
    while len(chosen) > 1 and sum(len(each.text) for each in chosen) > _LONGEST_QUOTE:
        chosen = chosen[:-1] if chosen[-1] is not best else chosen[1:]
    return chosen
