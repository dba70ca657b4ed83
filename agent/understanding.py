"""What kind of message this is, and in which language; no model is asked."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from agent.messages import VoicePreference
from agent.speech import Clause, clauses, speech, unstretched
from agent.text import clean, words

Intent = Literal[
    "hand_over",
    "question",
    "greeting",
    "thanks",
    "laughter",
    "farewell",
    "about_clone",
    "abilities",
    "recall",
    "wants_voice",
    "wants_text",
    "statement",
    "agreement",
]

#: When a message holds several kinds, the reply meets the first of these that is there.
_FIRST: tuple[Intent, ...] = (
    "hand_over",
    "question",
    "recall",
    "about_clone",
    "abilities",
    "wants_voice",
    "wants_text",
    "farewell",
    "thanks",
    "laughter",
    "greeting",
    "statement",
    "agreement",
)
_COURTESIES: tuple[Intent, ...] = ("laughter", "thanks", "farewell", "greeting")
#: What is taken off the front of a clause: a wish for voice or text stands before what it is for.
_BEFORE: tuple[Intent, ...] = ("wants_voice", "wants_text", *_COURTESIES)
_WISHES: frozenset[Intent] = frozenset({"wants_voice", "wants_text"})
_LAUGHING = re.compile("[😂🤣😆😹😄😁😅]")
#: What a message says that holds nothing but emoji.
_WORDLESS: tuple[tuple[re.Pattern[str], Intent], ...] = (
    (re.compile("[👋🤗]"), "greeting"),
    (re.compile("[🙏]"), "thanks"),
    (re.compile("[👍👌✅🆗🤝]"), "agreement"),
)
#: Stands for whatever the person is called; no folded word is like it.
_NAMED = "_name_"
#: A bare topic is short; what is longer tells something.
_TOPIC_WORDS = 5
#: What a letter of one language only and a usual spelling weigh against one function word.
_LETTER, _SPELLING = 1.5, 0.4


@dataclass(frozen=True, slots=True)
class Understanding:
    """How a message is to be met: by what kind of answer, and in which language."""

    intent: Intent
    language: str
    #: Whether it asks, maybe beside something else, what the contact is talking to.
    asks_identity: bool = False
    #: How it asks, maybe beside something else, to be answered from now on.
    voice_wish: VoicePreference = ""


def understand(text: str, *, languages: Sequence[str], names: Sequence[str] = ()) -> Understanding:
    """Tell what `text` wants, and in which of `languages`; the first is the one when unsure.

    `names` are those of the person: a contact who only calls them is greeting.
    A message that asks anything of fact is a question, whatever else it says, unless it wants
    the person themselves.
    """
    text = clean(text)
    kinds = _kinds_of(text, names)
    intent: Intent = next((each for each in _FIRST if each in kinds), "statement")
    wish: VoicePreference = "voice" if "wants_voice" in kinds else ""
    wish = "text" if "wants_text" in kinds else wish
    return Understanding(intent, _language(text, languages), "about_clone" in kinds, wish)


def asked_in(text: str, *, names: Sequence[str] = ()) -> str:
    """Return only the clauses of `text` that ask, without the courtesies and tellings around."""
    called = _called(names)
    return " ".join(
        clause.text for clause in clauses(clean(text)) if "question" in _kinds(clause, called)
    )


def _kinds_of(text: str, names: Sequence[str]) -> set[Intent]:
    called = _called(names)
    found = list(clauses(text))
    judged: list[set[Intent]] = []
    for clause, after in pairwise([*found, Clause("")]):
        if not clause.asked and after.asked and speech().fits("reaction", after.text):
            # "você nunca casou, é verdade?": the tag asks what stands before it.
            clause = replace(clause, asked=speech().fits("yours", clause.text))
        judged.append(_kinds(clause, called))
    kinds = _with_last_wish(judged)
    if not found:
        kinds.update(intent for emoji, intent in _WORDLESS if emoji.search(text))
    # "Humano!" alone calls for one; "humano?" is a doubt, and among other words it only tells.
    rest = [each for each, kind in zip(found, judged, strict=True) if not kind <= {*_COURTESIES}]
    if len(rest) == 1 and not rest[0].asked and speech().fits("calls_somebody", rest[0].text):
        return {"hand_over"}
    if _LAUGHING.search(text):
        kinds.add("laughter")
    if kinds == {"greeting", "statement"} and any(
        kind == {"statement"} and speech().fits("mine", clause.text)
        for kind, clause in zip(judged, found, strict=True)
    ):
        return {"statement"}
    return kinds


def _with_last_wish(judged: Sequence[set[Intent]]) -> set[Intent]:
    """Return all the kinds; of a wish for voice and one for text, only what was said last."""
    kinds: set[Intent] = set()
    for each in judged:
        if each & _WISHES:
            kinds -= _WISHES
        kinds |= each
    return kinds


def _called(names: Sequence[str]) -> list[str]:
    """Return what the person may be called, longest first."""
    whole = {" ".join(words(name)) for name in names}
    parts = {word for name in names for word in words(name) if len(word) > 2}
    spaced = {name.replace("-", " ") for name in whole}
    return sorted(whole | spaced | parts, key=len, reverse=True)


def _kinds(clause: Clause, called: Sequence[str]) -> set[Intent]:
    """Return the kinds of a clause: its courtesies, and what the rest of it wants."""
    found: set[Intent] = {"wants_voice"} if speech().fits("by_voice", clause.text) else set()
    rest = clause.text
    while rest:
        for intent in _BEFORE:
            if (left := speech().after(intent, rest)) is not None:
                found.add(intent)
                break
        else:
            left = speech().after("filler", rest)
            if left is None:
                left = _after_name(rest, called)
        if left is None:
            return found | {_wanted(replace(clause, text=rest), called)}
        rest = left
    return found or {"greeting"}


def _after_name(clause: str, called: Sequence[str]) -> str | None:
    for name in called:
        if clause == name or clause.startswith(f"{name} "):
            return clause[len(name) :].strip()
    return None


def _wanted(clause: Clause, called: Sequence[str]) -> Intent:
    """Judge a clause that holds more than courtesies."""
    known = speech()
    forms = (clause.text, known.after("connective", clause.text) or clause.text)
    unnamed = [_unnamed(form, called) for form in forms]
    if any(known.fits("hand_over", form) for form in unnamed):
        return "hand_over"
    if any(known.fits("identity", form) for form in unnamed):
        return "about_clone"
    if not clause.asked and any(known.fits("agreement", form) for form in forms):
        return "agreement"
    if known.fits("reaction", clause.text):
        return "statement"
    intents: tuple[Intent, ...] = ("recall", "about_clone", "abilities")
    for intent in intents:
        if any(known.fits(intent, form) for form in forms):
            return intent
    if any(known.fits("request", form) for form in forms):
        return "question"
    bare = replace(clause, text=forms[1])
    if clause.asked:
        asks = _asks_about_others(bare.text)
    else:
        asks = _asks_without_mark(bare) or (_is_bare(bare) and known.fits("following_up", forms[0]))
    return "question" if asks else "statement"


def _unnamed(clause: str, called: Sequence[str]) -> str:
    """Put one mark for every name of the person, so that patterns may speak of it."""
    spaced = f" {clause} "
    for name in called:
        spaced = spaced.replace(f" {name} ", f" {_NAMED} ")
    return spaced.strip()


def _asks_about_others(clause: str) -> bool:
    """Tell whether a clause with a question mark asks about anyone but the contact."""
    known = speech()
    if any(known.fits(name, clause) for name in ("wh", "yours", "may_i")):
        return True
    return not known.fits("mine", clause)


def _asks_without_mark(clause: Clause) -> bool:
    """Tell whether a clause without a question mark is a question all the same."""
    known, text = speech(), clause.text
    yours, verdict = known.fits("yours", text), known.fits("verdict", text)
    if known.fits("mine", text) and not (yours and known.fits("may_i", text)):
        return False
    if known.fits("wh", text):
        if known.fits("exclaiming", text) and not known.fits("measuring", text):
            return yours and not clause.exclaimed and not verdict
        return not (clause.exclaimed and verdict)
    if clause.exclaimed or verdict:
        return False
    if known.fits("inverted", text) or known.fits("you_do", text):
        return True
    if yours and known.fits("wh_inside", text):
        return True
    named = clause.named and known.fits("named_topic", text)
    return _is_bare(clause) and (named or known.fits("topic", text))


def _is_bare(clause: Clause) -> bool:
    short = len(clause.text.split()) <= _TOPIC_WORDS
    return short and not speech().fits("verb", clause.text)


def _language(text: str, languages: Sequence[str]) -> str:
    """Return the language whose function words and spelling fit best."""
    known = speech()
    lower = unstretched(text.casefold())
    found = words(lower)

    def score(language: str) -> float:
        usual = known.words.get(language, frozenset())
        marks = [mark for mark in known.marks.get(language, ()) if mark in f" {lower} "]
        spelling = sum(_SPELLING if mark.isascii() else _LETTER for mark in marks)
        return sum(word in usual for word in found) + spelling

    return max(languages, key=score)
