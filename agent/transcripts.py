"""What a transcript is worth: whether anybody spoke at all, and whether it can be trusted."""

import re
import tomllib
from collections.abc import Collection
from functools import cache
from importlib import resources

from agent.messages import Transcript
from agent.text import clean, sentences, words

#: More than anybody says in the ten minutes that are heard.
_LONGEST = 16_000
#: From so many seconds on, fewer words than one in `_SECONDS_A_WORD` are suspiciously few.
_LONG_SECONDS, _SECONDS_A_WORD = 6.0, 4.0
#: "[música]", "(silence)", "*suspiro*", "♪ la la ♪": marks of sounds that are no words.
_MARK = re.compile(r"\[[^\]]*\]|\([^)]*\)|\*[^*]*\*|[♩♪♫♬][^♩♪♫♬]*[♩♪♫♬]?")


def words_of(transcript: Transcript) -> str:
    """Return what was said, clean and bounded; empty when nobody spoke.

    On silence a transcriber writes marks, or sentences that it often met below silent films.
    """
    text = clean(transcript.text).strip()[:_LONGEST].strip()
    said = (" ".join(words(each)).replace("-", " ") for each in sentences(_MARK.sub(" ", text)))
    return text if any(each and each not in _silent_sentences() for each in said) else ""


def is_doubtful(transcript: Transcript, languages: Collection[str]) -> bool:
    """Tell whether much was missed, or heard in none of `languages`."""
    seconds = transcript.seconds or 0.0
    few = len(words(transcript.text)) * _SECONDS_A_WORD < seconds
    foreign = transcript.languages and set(languages).isdisjoint(transcript.languages)
    return bool(foreign) or (seconds >= _LONG_SECONDS and few)


@cache
def _silent_sentences() -> frozenset[str]:
    source = resources.files("prompts").joinpath("silence.toml")
    return frozenset(tomllib.loads(source.read_text(encoding="utf-8"))["sentences"])
