"""The words by which a contact leaves and returns, recognised without a model.

The web process reads this module: it stays within the standard library and the project's text.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

from agent.text import clean, sentences, words

_STRETCHED = re.compile(r"(.)\1{2,}")
#: A question may end in an emoji or a bracket after its mark.
_ASKING = re.compile(r"\?[^\w?]*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A whole message that asks to be left alone, or to be talked to again."""

    kind: Literal["stop", "return"]
    #: The language of the word.
    language: str
    #: Whether the word is an ordinary answer too: see `offered`.
    soft: bool = False


def command_in(text: str, languages: Sequence[str]) -> Command | None:
    """Return what `text` commands, None where it is more, or less, than one of the words.

    A word of several languages is taken for one of the first of `languages` that has it; those
    of other languages count too.
    """
    known, plain = _commands(), _plain(text)
    for word in (plain, _bare(plain)):
        for language in dict.fromkeys((*languages, *known)):
            if command := known.get(language, {}).get(word):
                return command
    return None


def offered(text: str, last_said: str) -> bool:
    """Tell whether `last_said` asked a question that offers the words of `text` as an answer."""
    word = f" {_bare(_plain(text))} "
    questions = (each for each in sentences(clean(last_said)) if _ASKING.search(each))
    return any(word in f" {_plain(question)} " for question in questions)


@cache
def _commands() -> Mapping[str, Mapping[str, Command]]:
    """Return the words of prompts/consent.toml by language, read once in a process."""
    found: dict[str, dict[str, Command]] = {}
    for language, lists in _read().items():
        if isinstance(lists, list):
            continue
        stop = Command(kind="stop", language=language)
        soft = Command(kind="stop", language=language, soft=True)
        back = Command(kind="return", language=language)
        kinds = (("return", back), ("soft", soft), ("stop", stop))
        found[language] = {_plain(word): kind for name, kind in kinds for word in lists[name]}
    return found


@cache
def _courtesies() -> re.Pattern[str]:
    listed = "|".join(map(re.escape, _read()["courtesies"]))
    return re.compile(rf"^(?:(?:{listed}) )+|(?: (?:{listed}))+$")


def _read() -> Mapping[str, Any]:
    source = resources.files("prompts").joinpath("consent.toml")
    return tomllib.loads(source.read_text(encoding="utf-8"))


def _bare(plain: str) -> str:
    """Return folded words without the courtesies around them."""
    return _courtesies().sub("", plain)


def _plain(text: str) -> str:
    """Return the folded words of `text`, hyphens apart and drawn-out letters short."""
    return _STRETCHED.sub(r"\1", " ".join(words(clean(text))).replace("-", " "))
