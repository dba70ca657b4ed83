"""Which sentences of the passages answer a question, and whether any does."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.lexicon import alike, kinds_asked, lexicon, match, telling_words, word_parts
from agent.speech import written_out
from agent.text import fold, sentences, words

#: Share of the question's weight that a sentence and its surroundings must cover to be an answer.
_SUPPORT = 0.6
#: What a word counts that stands beside a sentence: for its support, and for its rank.
_NEAR, _BESIDE = 0.75, 0.4
_AROUND = 2
#: Added to a sentence's rank: it holds what is asked for, it does not, and smaller signs.
_HELD, _NOT_HELD, _NAMING, _DATED, _BRIEF, _OWN = 0.25, -0.1, 0.15, 0.1, 0.1, 0.05
#: Added when the value stands by the words it belongs to; nothing is, so many characters away.
_CLOSE, _FAR = 0.15, 60
#: Lost by a sentence about a relative whom the question does not name.
_OF_KIN = -0.3
#: Lost for each place further down among the passages.
_LATER = 0.004
#: A sentence of so many words is brief.
_FEW_WORDS = 8
_LONGEST_QUOTE = 600
_OPENING = 5
_MEASURES = {"money", "length", "speed", "weight", "age"}
#: A sentence without a date is no answer to "when", whatever else it shares with the question.
_REQUIRED = {"date", "number", *_MEASURES}
#: These are told about, not named in one word: the next sentence helps.
_OPEN = {"reason", "definition", "meaning"}
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d[\w-]*")
#: "número 4" names one of a series, and counts nothing.
_LABEL = re.compile(r"\b(?:numeros?|numbers?|n[oº]?\.?) \d[\w-]*(?:(?:,| e| and| y) \d[\w-]*)*")
_YEAR = re.compile(r"\b(?:1[0-9]{3}|20[0-9]{2})\b")
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
    """The sentences that answer, and the number of the passage they stand in."""

    text: str
    number: int


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked: all its words, those that tell it apart with their weight, and its kinds."""

    words: frozenset[str]
    weights: dict[str, float]
    kinds: tuple[str, ...]
    called: frozenset[str]
    #: Whether kin of the person are asked about.
    kin: bool = False


@dataclass(frozen=True, slots=True)
class _Sentence:
    source: Source
    place: int
    text: str
    words: tuple[str, ...]


def quote(
    question: str, sources: Sequence[Source], *, about: str = "", names: Sequence[str] = ()
) -> Quotation | None:
    """Return the sentences of `sources` that answer `question`, or None when nothing does.

    `about` is what was asked before: it lends its words to a follow-up that has none of its own.
    `names` are those of the person, which say nothing about what is asked.
    """
    found = [sentence for source in sources for sentence in _read(source)]
    wanted = telling_words(question, names) or telling_words(about, names)
    if not wanted or not found:
        return None
    if "number" in kinds_asked(question) and all(word.isdigit() for word in wanted):
        return None
    asked = _Question(
        words=frozenset(written_out(question).split()),
        weights={word: _weight(word, found) for word in wanted},
        kinds=_kinds(question),
        called=frozenset(word for name in names for word in words(name)),
        kin=bool(lexicon().asks["kin"].search(written_out(question))),
    )
    ranked = ((_rank(sentence, asked, found), sentence) for sentence in found)
    answering = [(rank, sentence) for rank, sentence in ranked if rank is not None]
    if not answering:
        return None
    _, best = max(answering, key=lambda each: each[0])
    chosen = _with_neighbours(best, found, _more(asked.kinds))
    return Quotation(" ".join(each.text for each in chosen), best.source.number)


def _kinds(question: str) -> tuple[str, ...]:
    kinds = kinds_asked(question)
    if _MEASURES & set(kinds):
        return tuple(kind for kind in kinds if kind != "number")
    return tuple(kinds)


def _read(source: Source) -> list[_Sentence]:
    plain = _MARKUP.sub("", source.text)
    return [
        _Sentence(source, place, text, tuple(word_parts(text)))
        for place, text in enumerate(sentences(plain))
    ]


def _weight(word: str, found: Sequence[_Sentence]) -> float:
    """Return how much a word tells apart: the rarer among the sentences, the more."""
    holding = sum(match(word, sentence.words) > 0 for sentence in found)
    return math.log(1 + len(found) / max(holding, 1))


def _rank(sentence: _Sentence, asked: _Question, found: Sequence[_Sentence]) -> float | None:
    """Return how well a sentence answers, None when it does not."""
    near = _near(sentence, found)
    total = sum(asked.weights.values())
    inside = around = 0.0
    for word, weight in asked.weights.items():
        here = match(word, sentence.words)
        inside += weight * here / total
        around += weight * max(here, _NEAR * match(word, near)) / total
    # Number 1 and number 6 of a series are told apart by nothing but the number.
    numbers = {word for word in asked.weights if word.isdigit()}
    if inside == 0 or around < _SUPPORT or not numbers <= {*near, *sentence.words}:
        return None
    bonus = _bonus(sentence, asked)
    if bonus is None:
        return None
    return inside + _BESIDE * (around - inside) + bonus - _LATER * sentence.source.number


def _near(sentence: _Sentence, found: Sequence[_Sentence]) -> list[str]:
    """Return the words around a sentence: its passage's heading and its neighbours."""
    around = word_parts(sentence.source.heading)
    for other in found:
        if other.source is sentence.source and abs(other.place - sentence.place) <= _AROUND:
            around += other.words
    return around


def _bonus(sentence: _Sentence, asked: _Question) -> float | None:
    """Return what holding the kinds of answer is worth, None when a required one is missing."""
    folded = fold(sentence.text)
    # A number that the question itself names is no answer to it.
    news = _NUMBER.sub(lambda number: "" if number[0] in asked.words else number[0], folded)
    bonus = _BRIEF * min(1.0, _FEW_WORDS / max(len(sentence.words), 1))
    for kind in asked.kinds:
        held = _holds(kind, sentence, news, asked)
        if kind in _REQUIRED and not held:
            return None
        bonus += _HELD if held else _NOT_HELD
        if kind in _REQUIRED:
            bonus += _CLOSE * _closeness(kind, news, asked)
    if not asked.kin and lexicon().holds["kin"].search(folded):
        bonus += _OF_KIN
    if "name" in asked.kinds and lexicon().holds["naming"].search(folded):
        bonus += _NAMING
    if "date" in asked.kinds and _YEAR.search(news):
        bonus += _DATED
    if lexicon().holds["first_person"].search(folded):
        bonus += _OWN
    return bonus


def _holds(kind: str, sentence: _Sentence, news: str, asked: _Question) -> bool:
    """Tell whether a sentence holds a `kind` of answer that the question does not name itself."""
    if kind in ("person", "name"):
        names = (set(words(name)) for name in _NAME.findall(sentence.text))
        return any(name - asked.words - asked.called for name in names)
    if kind == "place":
        return bool(_PLACE.search(sentence.text))
    if kind == "definition":
        return any(match(word, sentence.words[:_OPENING]) == 1 for word in asked.weights)
    if kind == "story":
        return sentence.place == 0
    holds = lexicon().holds
    if kind == "number":
        news = _LABEL.sub(" ", holds["date"].sub(" ", news))
    return bool(holds[kind].search(news))


def _closeness(kind: str, news: str, asked: _Question) -> float:
    """Return 1 where the value follows on a word of the question, less the further it stands."""
    values = [value.start() for value in lexicon().holds[kind].finditer(news)]
    places = [w.end() for w in _WORD.finditer(news) if any(alike(a, w[0]) for a in asked.weights)]
    gaps = [abs(value - place) for value in values for place in places]
    return max(0.0, 1 - min(gaps, default=_FAR) / _FAR)


def _more(kinds: Iterable[str]) -> int:
    """Return how many sentences to quote after the best: one fact needs none, a story two."""
    if "story" in kinds:
        return 2
    return 0 if set(kinds) - _OPEN else 1


def _with_neighbours(best: _Sentence, found: Sequence[_Sentence], more: int) -> list[_Sentence]:
    """Return a sentence with the one it leans on, and at most `more` of those that follow it."""
    passage = [each for each in found if each.source is best.source]
    first = best.place
    while first and passage[first].words[:1] and passage[first].words[0] in lexicon().leaning:
        first -= 1
    chosen = passage[first : best.place + more + 1]
    while len(chosen) > 1 and sum(len(each.text) for each in chosen) > _LONGEST_QUOTE:
        chosen = chosen[:-1] if chosen[-1] is not best else chosen[1:]
    return chosen
