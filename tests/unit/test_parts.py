"""Cutting a reply into the messages that WhatsApp can carry."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.parts import LIMIT, MOST_PARTS, split_reply

TEXTS = st.text(st.sampled_from("ab çã😀🇧🇷.!?\n …*_`>"), max_size=400)
# What is seen as one, each in its own way: joined, toned, flagged, boxed, accented, spelt.
WHOLE = st.sampled_from(
    ["👨‍👩‍👧‍👦", "👍🏽", "🇧🇷", "1️⃣", "a\u0303", "❤️‍🔥", "https://x.com/a_b/(c)?d=e#f", "oi"]
)
STYLES = st.sampled_from(
    ["*Voei alto. Foi bom, como se vê.*", "_sim, mas não *agora não* ou talvez_", "~um dois~"]
)
OTHERS = st.sampled_from(["`a b c d e f`", "```\na b\nc d e\n```", "Oi.", "2 * 3 * 4 * 5", "\n\n"])
STYLED = st.lists(STYLES | OTHERS, max_size=30).map("\n".join)


def units(text: str) -> int:
    """Return the length as WhatsApp counts it."""
    return len(text.encode("utf-16-le")) // 2


def words(text: str) -> str:
    """Return a text without its spaces and marks, which a cut may swallow or repeat."""
    return "".join(character for character in text if character not in " \n*_`>")


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


@given(st.lists(WHOLE, max_size=60), st.sampled_from(["", " ", "\n"]), st.integers(40, 90))
def test_what_is_seen_as_one_is_not_cut(pieces: list[str], between: str, limit: int) -> None:
    """No emoji, flag, accent or address is torn, spaces around it or not."""
    text = between.join(pieces)

    cuts, at = set(), 0
    for part in split_reply(text, limit, most=1000):
        at += len("".join(part.split()))
        cuts.add(at)
    ends = {sum(map(len, pieces[:count])) for count in range(len(pieces) + 1)}
    # Without spaces an address runs on into what follows it.
    assert cuts <= ends or (between == "" and "http" in text)


@given(STYLED, st.integers(40, 90))
def test_no_mark_is_left_alone(text: str, limit: int) -> None:
    """Each part closes the marks that it opens, and loses no word to them."""
    parts = split_reply(text, limit, most=1000)

    alone = [part for part in parts if any(_marks(part, mark) % 2 for mark in "*_~`")]
    assert alone == []
    assert words("".join(parts)) == words(text)


def _marks(text: str, mark: str) -> int:
    return text.replace(" * ", "").removesuffix(" *").removeprefix("* ").count(mark)


@given(st.lists(st.sampled_from(["um", "Dois.", "três\n", "quatro\n\n"]), max_size=200))
def test_what_fits_into_the_parts_is_not_left_out(pieces: list[str]) -> None:
    """A reply is cut short only when even full parts could not hold it."""
    text = " ".join(pieces)

    parts = split_reply(text, 100, 3)

    if len(text) <= 3 * 90:
        assert words("".join(parts)) == words(text)


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


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        # Marks are closed and opened again.
        ("*Um dois três. Quatro cinco*", ["*Um dois três.*", "*Quatro cinco*"]),
        ("Um *_dois três. Quatro_ cinco*", ["Um *_dois três._*", "*_Quatro_ cinco*"]),
        ("> Um dois três. Quatro cinco", ["> Um dois três.", "> Quatro cinco"]),
        ("```\num dois\ntrês quatro\n```", ["```\num dois\n```", "```\ntrês quatro\n```"]),
        ("`um dois três quatro cinco`", ["`um dois três quatro`", "`cinco`"]),
        # Stars that are no marks, and marks in an address, stay alone.
        ("2 * 3 * 4 * 5 * 6 * 7 * 8", ["2 * 3 * 4 * 5 * 6 * 7", "* 8"]),
        # Not between a list's number and its item, nor behind an abbreviation.
        ("Um dois três\n12. quatro", ["Um dois três", "12. quatro"]),
        ("Um dois três qua\n- cinco", ["Um dois três qua", "- cinco"]),
        ("Um dois três. O Sr. Quatro", ["Um dois três.", "O Sr. Quatro"]),
        # Not in an address.
        ("um dois, https://x.com/a", ["um dois,", "https://x.com/a"]),
        ("umdoistrês(https://x.com)", ["umdoistrês", "(https://x.com)"]),
    ],
)
def test_a_part_is_whole(text: str, parts: list[str]) -> None:
    """Marks, list items, names and addresses stay whole on both sides of a cut."""
    assert split_reply(text, 21, 3) == parts


@pytest.mark.parametrize(
    "text", ["👨‍👩‍👧‍👦" * 9, "🇧🇷" * 30, "https://" + "x" * 90, "```" + "a" * 90, "*" * 90]
)
def test_what_is_longer_than_a_part_is_cut_all_the_same(text: str) -> None:
    """A limit below what is seen as one still holds, and the cutting comes to an end."""
    parts = split_reply(text, 8, most=1000)

    assert all(0 < units(part) <= 8 for part in parts)
    assert "".join(parts).replace("`", "") == text.replace("`", "")


def test_a_long_reply_of_a_model_is_three_parts_that_end_with_sentences() -> None:
    """Fuller parts are made before anything is left out, and what is left out ends a sentence."""
    sentence = "Voei sessenta metros no campo de Bagatelle. "
    fits, too_long = sentence * 107, sentence * 200

    parts, cut = split_reply(fits), split_reply(too_long)

    assert " ".join(parts) == fits.strip()
    assert len(parts) == len(cut) == MOST_PARTS
    assert all(part.endswith("Bagatelle.") for part in cut[:-1])
    assert cut[-1].endswith("Bagatelle. …")


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
