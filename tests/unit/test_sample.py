"""The sample clone's biography and the questions that it is measured with."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from agent.text import fold, words

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted((ROOT / "examples" / "santos_dumont" / "documents").glob("*.md"))
QUESTIONS = ROOT / "tests" / "data" / "sample_questions.jsonl"


def biography() -> str:
    """Return every document of the sample as one text."""
    return "\n\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)


def paragraphs() -> list[str]:
    """Return the biography's paragraphs without its headings."""
    return [each for each in biography().split("\n\n") if not each.startswith("#")]


def questions() -> list[dict[str, Any]]:
    """Return the labelled questions."""
    return [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]


def test_biography_is_of_a_readable_length() -> None:
    """The biography has 2,500 to 4,000 words in paragraphs short enough to be quoted whole."""
    assert 2500 <= len(biography().split()) <= 4000
    assert max(map(len, paragraphs())) <= 600


def test_every_answer_stands_in_one_paragraph() -> None:
    """What an answer must contain stands together, because retrieval shows single paragraphs."""
    folded = [fold(each) for each in paragraphs()]

    for each in questions():
        expected = [fold(text) for text in each["contains"]]
        assert any(all(text in paragraph for text in expected) for paragraph in folded), each


def test_questions_cover_languages_and_absent_answers() -> None:
    """There are enough questions of each kind to measure with, and none stands twice."""
    asked = questions()
    answered = [each for each in asked if each["contains"]]
    languages = Counter(each["language"] for each in answered)

    assert len({each["question"] for each in asked}) == len(asked)
    assert len(answered) >= 60
    assert languages["pt"] > 50
    assert languages["en"] >= 6
    assert languages["es"] >= 6
    assert sum(each.get("absent", False) for each in asked) >= 12
    assert all(bool(each["contains"]) != each.get("absent", False) for each in asked)


def test_first_flight_is_told_in_one_sentence() -> None:
    """The newcomer's first question has a crisp answer: date, place and distance together."""
    (paragraph,) = [each for each in paragraphs() if "primeiro voo do 14-bis" in each]
    sentence = paragraph.partition(". ")[0]

    assert {"23", "outubro", "1906", "bagatelle", "paris", "60", "metros"} <= set(words(sentence))
