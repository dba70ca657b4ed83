"""The mark by which a model names the passages its answer rests on: `[[1,3]]`, or `[[?]]`."""

import re

#: What a model answers when the passages do not hold the answer.
NO_ANSWER = "[[?]]"

_MARK = re.compile(r"\s*\[\[\s*([\d,;\s]*|\?)\s*\]\]")


def read_citations(answer: str, passages: int) -> tuple[str, list[int]]:
    """Return the answer without its marks, and the 0-based indices of the passages it names.

    Empty text means that the model found no answer. A model that names no passage is taken to
    have used all `passages` it was shown: nothing it was given can be ruled out.
    """
    named: list[int] = []
    for mark in _MARK.findall(answer):
        for number in re.findall(r"\d+", mark):
            index = int(number) - 1
            if 0 <= index < passages and index not in named:
                named.append(index)
    text = _MARK.sub("", answer).strip()
    if not text:
        return "", []
    return text, named or list(range(passages))
