"""What of a reply can be spoken."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.speakable import SPEECH_LIMIT, speakable

STAND_IN = "o que mando por escrito"


def said(text: str) -> tuple[str, str] | None:
    """Return the words and what goes beside them, None for what is better read."""
    found = speakable(text, stand_in=STAND_IN)
    return (found.words, found.beside) if found else None


@pytest.mark.parametrize(
    "text",
    [
        "Nasci no sítio Cabangu.",
        "Voei 220 metros a 41,3 km/h em 12/11/1906, com o 14-bis.",
        "Vivi de 1873-1932 e ganhei 100.000 francos, ou R$ 1.000.000,50.",
        "Nos anos 1901, 1902 e 1903; e 3 x 4 * 5 = 60.",
        "O n.º 6 ficou na Rua do Encanto, 22 (Petrópolis).",
        "Ele disse: “não volto!” — e voltou…",
        "ok",
    ],
)
def test_ordinary_words_are_spoken_as_they_are(text: str) -> None:
    """Prose, dates, prices and short numbers stay word for word."""
    assert said(text) == (text, "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Oi! 😀 Tudo bem? 👋🏽", "Oi! Tudo bem?"),
        ("Que bom :) <3", "Que bom"),
        ("**Sim**, _claro_, `agora` e ***já***, ~não~!", "Sim, claro, agora e já, não!"),
        ("## Voo\nFoi em **Bagatelle**", "Voo. Foi em Bagatelle"),
        ("> Citado\n\nE respondido.", "Citado. E respondido."),
        ("Duas coisas:\n- uma boa\n- outra má.", "Duas coisas: uma boa. outra má."),
        ("nome_de_arquivo fica", "nome_de_arquivo fica"),
    ],
)
def test_marks_are_left_out(text: str, words: str) -> None:
    """Emoji, smileys and formatting are not read out, and lines become sentences."""
    assert said(text) == (words, "")


@pytest.mark.parametrize(
    ("text", "words", "beside"),
    [
        (
            "Veja https://museu.example/casa, por favor.",
            f"Veja {STAND_IN}, por favor.",
            "https://museu.example/casa",
        ),
        (
            "Leia com calma [a página](https://museu.example/a_b).",
            "Leia com calma a página.",
            "https://museu.example/a_b",
        ),
        (
            "Pode me escrever: ana.lima@museu.example!",
            f"Pode me escrever: {STAND_IN}!",
            "ana.lima@museu.example",
        ),
        (
            "Meu telefone é +55 (21) 99999-9999, ligue.",
            f"Meu telefone é {STAND_IN}, ligue.",
            "+55 (21) 99999-9999",
        ),
        ("A chave Pix é 123.456.789-09.", f"A chave Pix é {STAND_IN}.", "123.456.789-09"),
        (
            "A chave Pix é 0f8fad5b-d9cb-469f-a165-70867728950e.",
            f"A chave Pix é {STAND_IN}.",
            "0f8fad5b-d9cb-469f-a165-70867728950e",
        ),
        (
            "Ou em museu.example/x ou em https://b.example/y: escolha. De novo, https://b.example/y",
            f"Ou em {STAND_IN} ou em {STAND_IN}: escolha. De novo, {STAND_IN}",
            "museu.example/x\nhttps://b.example/y",
        ),
    ],
)
def test_what_cannot_be_spoken_goes_beside(text: str, words: str, beside: str) -> None:
    """Links, addresses and long numbers are named in speech and kept in full, each once."""
    assert said(text) == (words, beside)


def test_without_a_stand_in_the_gap_is_closed() -> None:
    """Nothing is left of a link but the words around it."""
    found = speakable("Leia isto com calma ( https://a.example/b ) , viu?")

    assert found is not None
    assert found.words == "Leia isto com calma, viu?"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "😀👍",
        "https://a.example/b",
        "Veja: https://a.example/b",
        "- um\n- dois\n- três",
        "1. Um\n2. Dois\n3. Três",
        "Assim:\n```python\nprint(1)\n```",
        "ano | feito\n---|---\n1906 | 14-bis",
        "palavra " * 200,
    ],
)
def test_what_is_for_the_eye_is_not_spoken(text: str) -> None:
    """Links alone, lists, code, tables and what takes more than two minutes are better read."""
    assert said(text) is None


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200) | st.text(alphabet="a1.-/@:*_[]() \n|", max_size=200))
def test_any_text_is_judged(text: str) -> None:
    """No text makes it fail, and what is spoken is bounded, in one line and not empty."""
    found = speakable(text, stand_in=STAND_IN)

    if found:
        assert 0 < len(found.words) <= SPEECH_LIMIT
        assert "\n" not in found.words
        assert "\0" not in found.words


@pytest.mark.parametrize("piece", ["a.", "a-", "*a ", "1 ", "a@", "[a](", "- ", "(1", "www.", "_*"])
def test_no_text_makes_it_slow(piece: str) -> None:
    """The longest reply there may be is judged in a moment, whatever it repeats."""
    began = time.perf_counter()

    said(piece * (4000 // len(piece)))

    assert time.perf_counter() - began < 0.2
