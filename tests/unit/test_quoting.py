"""How often the quoted sentence is the answer, over the sample biography."""

import json
from pathlib import Path
from typing import Any

from agent.lexicon import kindred, word_parts
from agent.quoting import Quotation, Source, quote
from agent.tokens import query_words

ROOT = Path(__file__).parents[2]
NAMES = ("Alberto Santos-Dumont", "Santos-Dumont")
Paragraph = tuple[str, str]


def paragraphs() -> list[Paragraph]:
    """Return the paragraphs of the sample's documents with the heading each stands under."""
    found: list[Paragraph] = []
    for path in sorted((ROOT / "examples/santos_dumont/documents").glob("*.md")):
        heading = ""
        for block in path.read_text(encoding="utf-8").split("\n\n"):
            if block.startswith("#"):
                heading = block.strip("# \n")
            else:
                found.append((heading, block))
    return found


def questions(*, absent: bool) -> list[dict[str, Any]]:
    """Return the sample questions whose answer is, or is not, in the documents."""
    path = ROOT / "tests/data/sample_questions.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [row for row in rows if bool(row.get("absent")) == absent]


def answer(row: dict[str, Any], known: list[Paragraph]) -> Quotation | None:
    """Quote from the paragraphs that hold the answer and the three most like the question."""
    wanted = set(query_words(row["question"]))
    by_likeness = sorted(known, key=lambda each: -len(wanted & set(word_parts(each[1]))))
    holding = [p for p in known if row["contains"] and all(c in p[1] for c in row["contains"])][:2]
    others = [paragraph for paragraph in by_likeness if paragraph not in holding][:3]
    sources = [Source(n, heading, text) for n, (heading, text) in enumerate(others + holding, 1)]
    return quote(row["question"], sources, names=NAMES)


def test_most_answers_are_found_among_like_paragraphs() -> None:
    """At least 85 of 100 questions are answered with the sentence that holds the answer."""
    known, asked = paragraphs(), questions(absent=False)

    answers = [(row, answer(row, known)) for row in asked]
    right = [
        row for row, found in answers if found and all(c in found.text for c in row["contains"])
    ]

    assert len(right) >= 0.85 * len(asked)


def test_most_absent_answers_are_not_made_up() -> None:
    """At least 75 of 100 questions without an answer get none."""
    known, asked = paragraphs(), questions(absent=True)

    abstained = [row for row in asked if answer(row, known) is None]

    assert len(abstained) >= 0.75 * len(asked)


def test_kindred_words_cross_languages() -> None:
    """A search in a Portuguese document gets Portuguese words for an English question."""
    assert {"nasci", "nasceu"} <= set(kindred("When were you born?"))
    assert "pai" in kindred("¿Cómo se llamaba tu padre?")
    assert kindred("Baladeuse") == []
