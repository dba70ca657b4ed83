"""The mark by which a model names the passages its answer rests on: `[[1,3]]`, or `[[?]]`."""

import re

#: What a model answers when the passages do not hold the answer.
NO_ANSWER = "[[?]]"

# Bounded, so that no answer, however strange, takes long to read: the guard cuts to less.
_LONGEST = 16_000
_DEEPEST = 8
_MARK = re.compile(r"\s{0,3}\[\[([0-9,;?\s]{0,60})\]\]")


def read_citations(answer: str, passages: int) -> tuple[str, list[int]]:
    """Return the answer without its marks, and the 0-based indices of the passages it names.

    Empty text means that the model found no answer. A model that names no passage is taken to
    have used all `passages` it was shown: nothing it was given can be ruled out.
    """
    marks: list[str] = []
    text = answer[:_LONGEST]
    # Again and again: what is taken out may have kept two halves of a mark apart.
    for _ in range(_DEEPEST):
        if not (found := _MARK.findall(text)):
            break
        marks += found
        text = _MARK.sub("", text)
    else:
        return "", []  # nobody nests marks in good faith
    numbers = [int(number) - 1 for mark in marks for number in re.findall(r"[0-9]+", mark)]
    named = [index for index in dict.fromkeys(numbers) if 0 <= index < passages]
    if not text.strip() or (not named and any("?" in mark for mark in marks)):
        return "", []
    return text.strip(), named or list(range(passages))
