"""The tokens that every search compares."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.text import fold
from agent.tokens import document_tokens, query_tokens, query_words


def test_accents_and_case_do_not_matter() -> None:
    """The same word gives the same tokens however it is accented or capitalised."""
    assert document_tokens("AVIÃO") == document_tokens("aviao")


def test_a_word_is_found_whole_and_by_its_grams() -> None:
    """A word gives itself and its 4-grams, with the edges marked."""
    assert document_tokens("balão") == ["ºbalao", "ªbal", "bala", "alao", "laoª"]


@pytest.mark.parametrize("word", ["a", "5", "14", "rio"])
def test_a_short_word_keeps_its_edges(word: str) -> None:
    """A word shorter than a gram never matches inside a longer one."""
    longer = set(document_tokens(f"x{word}xxxx"))

    assert not longer & set(document_tokens(f"{word} {word}"))


@pytest.mark.parametrize(
    ("one", "other"), [("voava", "voar"), ("dirigível", "dirigíveis"), ("Deutsch", "Deutch")]
)
def test_relatives_and_typos_share_tokens(one: str, other: str) -> None:
    """Inflections and a slip of the finger still meet in some gram."""
    assert set(document_tokens(one)) & set(document_tokens(other))


@pytest.mark.parametrize(
    "text", ["quando foi que ele", "¿cuándo fue que ella?", "when was it that they", "?!… —"]
)
def test_function_words_look_for_nothing(text: str) -> None:
    """Words that every document holds are dropped in the three languages."""
    assert query_tokens(text) == []
    assert document_tokens(text) == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("qdo vc nasceu", "quando você nasceu"),
        ("pq vc voou hj", "porque você voou hoje"),
        ("when is ur bday", "when is your birthday"),
        ("dnd vives", "donde vives"),
    ],
)
def test_chat_abbreviations_are_written_out(typed: str, meant: str) -> None:
    """A question typed in a hurry looks for what the whole words would."""
    assert query_words(typed) == query_words(meant)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("nasceu", "nasci"),
        ("inventou", "inventei"),
        ("partiu", "parti"),
        ("fez", "fiz"),
        ("ganhaste", "ganhei"),
        ("naciste", "naci"),
        ("hiciste", "hice"),
    ],
)
def test_a_question_to_you_meets_an_answer_by_me(asked: str, told: str) -> None:
    """A verb asked in the second or third person also looks for the first."""
    assert told in query_words(f"quando você {asked}?")


def test_documents_are_taken_at_their_word() -> None:
    """An abbreviation in a document stays what it is."""
    assert "ºhj" in document_tokens("hj")


@pytest.mark.parametrize("typed", ["14-bis", "14 bis", "14bis", "o 14-BIS?"])
def test_a_hyphenated_name_is_found_however_it_is_typed(typed: str) -> None:
    """A name with a number and a hyphen is found with hyphen, space or neither."""
    wanted = set(document_tokens("o 14-bis voou"))

    assert any(token in wanted for token in query_tokens(typed) if token.startswith("º"))


def test_a_question_asks_for_each_word_once() -> None:
    """Repeating a word does not make it weigh more."""
    assert query_tokens("avião avião AVIÃO") == query_tokens("avião")


@given(st.text(max_size=200))
def test_any_text_gives_tokens_that_can_stand_between_quotes(text: str) -> None:
    """No token holds a space, a quote or a sign that a search engine would read as syntax."""
    for token in document_tokens(text):
        assert token
        assert not set(token) & set(" \t\n\"'*():^-+")


@given(st.text(alphabet=st.characters(max_codepoint=0x24F), max_size=80))
def test_sqlite_reads_the_tokens_as_they_are(text: str) -> None:
    """In the scripts of the three languages `unicode61` neither cuts a token nor drops a mark."""
    tokens = document_tokens(text)
    connection = sqlite3.connect(":memory:")
    connection.execute(
        "CREATE VIRTUAL TABLE t USING fts5(x, tokenize='unicode61 remove_diacritics 0')"
    )
    connection.execute("CREATE VIRTUAL TABLE v USING fts5vocab('t', 'row')")
    connection.execute("INSERT INTO t VALUES (?)", (" ".join(tokens),))
    terms = {row[0] for row in connection.execute("SELECT term FROM v")}
    connection.close()

    assert terms == set(tokens)


def test_the_edge_marks_never_survive_folding() -> None:
    """The marks are letters that no folded text can hold, so they cannot be forged."""
    assert fold("ªº") == "ao"
