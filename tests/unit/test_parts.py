"""Cutting a reply into the messages that WhatsApp can carry."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.parts import LIMIT, MOST_PARTS, split_reply

TEXTS = st.text(st.sampled_from("ab çã😀🇧🇷.!?\n …"), max_size=600)


def units(text: str) -> int:
    """Return the length as WhatsApp counts it."""
    return len(text.encode("utf-16-le")) // 2


def words(text: str) -> str:
    """Return a text without its spaces, which a cut may swallow."""
    return "".join(text.split())


@given(TEXTS, st.integers(8, 90), st.integers(1, 5))
def test_every_part_fits(text: str, limit: int, most: int) -> None:
    """No part is empty or longer than the channel carries, and there are never too many."""
    parts = split_reply(text, limit, most)

    assert len(parts) <= most
    assert all(0 < units(part) <= limit for part in parts)


@given(TEXTS, st.integers(8, 90), st.integers(1, 5))
def test_nothing_is_lost_before_the_mark(text: str, limit: int, most: int) -> None:
    """Parts hold the reply's characters in order; what is left out is left out at the end."""
    parts = split_reply(text, limit, most)

    joined = words("".join(parts))
    if joined != words(text):
        assert len(parts) == most
        assert parts[-1].endswith(" …")
        assert words(text).startswith(joined[:-1])


def test_a_short_reply_is_one_part() -> None:
    """A reply that fits is sent as it is, without the space around it."""
    assert split_reply(" Olá! \n") == ["Olá!"]
    assert split_reply("a" * LIMIT) == ["a" * LIMIT]


@pytest.mark.parametrize("text", ["", "   ", "\n\n"])
def test_nothing_to_say_is_no_part(text: str) -> None:
    """An empty reply makes no message."""
    assert split_reply(text) == []


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Um dois três.\n\nQuatro. Cinco", ["Um dois três.", "Quatro. Cinco"]),
        ("Um dois três. Quatro cinco", ["Um dois três.", "Quatro cinco"]),
        ("um dois três quatro cinco", ["um dois três quatro", "cinco"]),
        ("Um dois, três! Quatro cinco.", ["Um dois, três!", "Quatro cinco."]),
        ("aaaaaaaaaaaa bbbbbbb cc", ["aaaaaaaaaaaa bbbbbbb", "cc"]),
        ("abcdefghijklmnopqrst uvwx", ["abcdefghijklmnopqrst", "uvwx"]),
    ],
)
def test_the_cut_is_where_a_reader_pauses(text: str, parts: list[str]) -> None:
    """A cut falls between paragraphs, else sentences, else words, also just at the limit."""
    assert split_reply(text, 20, 3) == parts


def test_a_word_without_end_is_cut_all_the_same() -> None:
    """A text without any space is cut at the limit."""
    assert split_reply("x" * 45, 20, 3) == ["x" * 20, "x" * 20, "x" * 5]


def test_an_emoji_counts_twice_and_stays_whole() -> None:
    """Lengths are counted in UTF-16, as the channel does, and no character is halved."""
    assert split_reply("😀" * 15, 20, 3) == ["😀" * 10, "😀" * 5]


def test_what_does_not_fit_at_all_is_marked() -> None:
    """A reply longer than all its parts ends with a mark that something is missing."""
    parts = split_reply("palavra " * 2000)

    assert len(parts) == MOST_PARTS
    assert parts[-1].endswith("palavra …")
    assert all(units(part) <= LIMIT for part in parts)
