"""The marks by which a model names its passages, and what remains without them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.citations import NO_ANSWER, read_citations


@pytest.mark.parametrize(
    ("answer", "text", "cited"),
    [
        ("Em 1906. [[1]]", "Em 1906.", [0]),
        ("Em 1906 [[2]], em Paris [[1, 3]].", "Em 1906, em Paris.", [1, 0, 2]),
        ("Em 1906. [[ 2;1 ]]", "Em 1906.", [1, 0]),
        ("Em 1906. [[1]][[1]]", "Em 1906.", [0]),
        ("Em 1906. [[9]]", "Em 1906.", [0, 1, 2]),
        ("Em 1906.", "Em 1906.", [0, 1, 2]),
        ("Em 1906. [[0]]", "Em 1906.", [0, 1, 2]),
        ("Veja [1] e [[x]].", "Veja [1] e [[x]].", [0, 1, 2]),
        ("Em 1906. [[1]] Do resto não sei. [[?]]", "Em 1906. Do resto não sei.", [0]),
        ("Em 1906. [[[[1]]2]]", "Em 1906.", [0, 1]),
        ("Isso eu não sei. [[?]]", "", []),
        (NO_ANSWER, "", []),
        (f"  {NO_ANSWER}\n", "", []),
        ("[[1]]", "", []),
        ("[[]]", "", []),
        ("", "", []),
    ],
)
def test_marks_are_read_and_taken_out(answer: str, text: str, cited: list[int]) -> None:
    """Passages are named in the order of the marks; who names none may have used any."""
    assert read_citations(answer, 3) == (text, cited)


@given(st.text(alphabet="[]?123, ;a\n"), st.integers(0, 5))
def test_no_mark_is_left_and_none_points_nowhere(answer: str, passages: int) -> None:
    """Whatever a model writes, each index is one of its passages, and named once."""
    text, cited = read_citations(answer, passages)

    assert NO_ANSWER not in text
    assert "[[1]]" not in text
    assert sorted(set(cited)) == sorted(cited)
    assert all(0 <= index < passages for index in cited)


@pytest.mark.parametrize(
    "hostile",
    [
        "[[" + " " * 200_000,
        " " * 200_000,
        "[[1" * 50_000,
        "[[" * 8_000 + "1" + "]]" * 8_000,
        "[[" * 900 + "1" + "]]" * 900,
    ],
)
def test_a_strange_answer_is_read_at_once(hostile: str) -> None:
    """No answer makes the reader ponder: a minute here would be a minute for every contact."""
    began = time.process_time()

    read_citations(hostile, 3)

    assert time.process_time() - began < 2
