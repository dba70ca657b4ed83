"""What no reply may carry."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.guard import guard_reply
from agent.messages import TEXT_LIMIT


def guarded(text: str, *sources: str, domains: tuple[str, ...] = ()) -> str:
    """Return the reply as it may leave."""
    return guard_reply(text, sources=sources, domains=domains)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Veja https://evil.com/x agora", "Veja agora"),
        ("Veja HTTPS://EVIL.COM.", "Veja ."),
        ("Veja www.evil.com, sim", "Veja , sim"),
        ("Veja bit.ly/abc", "Veja"),
        ("Veja evil.com", "Veja"),
        ("Veja promo.evil.com.br!", "Veja !"),
        ("wa.me/5511999999999", ""),
        ("ftp://evil.com/x whatsapp://send?phone=1", ""),
        ("[clique](https://evil.com)", "clique"),
        ("![foto](https://evil.com/p.png?d=segredo) Olá", "Olá"),
        ("htt![a](b)ps://evil.com", ""),
        ("*https://evil.com*", "**"),
        ("(https://evil.com)", "()"),
        ("h\u200bttps://evil.com", ""),
        ("https://user:pw@evil.com", ""),
    ],
)
def test_a_link_nobody_allowed_is_taken_out(text: str, left: str) -> None:
    """Links, images and bare domains that the owner never wrote do not leave."""
    assert guarded(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "Voei em 23.10.1906, às 16h45.",
        "O 14-bis voou 60 m (ou 0,06 km).",
        "Custou R$ 1.000,00/dia. Sim.Não",
        "Fale com o Sr. Gabriel Voisin... etc.",
        "e/ou, n.º 6, p. 12, S.A., 1/2",
        "ana@exemplo.com",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    """Dates, numbers, abbreviations and slips of the pen are no links."""
    assert guarded(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Veja https://museu.example/santos?a=1.",
        "Veja museu.example/santos",
        "Veja [o museu](https://museu.example/santos?a=1)",
    ],
)
def test_what_the_owner_wrote_may_be_told(text: str) -> None:
    """A link that stands in a source stays as it is."""
    source = "O acervo: https://museu.example/santos?a=1, e museu.example/santos."

    assert guarded(text, source) == text


def test_another_page_of_a_source_is_not_allowed() -> None:
    """A source allows its link and no other one of the same host."""
    assert guarded("https://museu.example/outra", "https://museu.example/santos") == ""


@pytest.mark.parametrize(
    ("link", "stays"),
    [
        ("https://example.com/x", True),
        ("https://sub.example.com", True),
        ("example.com/x", True),
        ("HTTPS://EXAMPLE.COM/", True),
        ("https://evil-example.com", False),
        ("https://example.com.evil.com", False),
        ("https://example.com@evil.com/", False),
        ("https://evil.com/example.com", False),
        ("https://evil.com?x=.example.com", False),
    ],
)
def test_an_allowed_domain_holds_itself_and_what_is_below(link: str, stays: bool) -> None:
    """A domain of the settings allows its own hosts, and no host that only looks like it."""
    left = guarded(f"Veja {link}", domains=("example.com",))

    assert (left == f"Veja {link}") is stays


def test_a_backslash_does_not_hide_the_host() -> None:
    """A browser reads a backslash as a slash, so nothing behind it can vouch for the host."""
    left = guarded("https://evil.com\\@example.com/", domains=("example.com",))

    assert "evil.com" not in left


def test_invisible_characters_do_not_leave() -> None:
    """Zero-width, bidirectional and control characters are taken out."""
    assert guarded("a\u202eb\u200bc\x07d\U000e0041") == "abcd"


def test_an_endless_reply_is_cut() -> None:
    """No reply is much longer than any channel carries, and a cut stands at a sentence's end."""
    assert len(guarded("x" * 1_000_000)) <= 2 * TEXT_LIMIT + 2
    assert guarded("Uma frase. " * 2_000).endswith("Uma frase. …")


@given(
    st.lists(
        st.sampled_from(
            [
                "https://",
                "www.",
                "evil.com",
                "![",
                "](",
                ")",
                "[",
                "/",
                "\\",
                "h",
                "ttp",
                "s://",
                " ",
                ".",
                "a@",
                "\u200b",
            ]
        ),
        max_size=25,
    )
)
def test_no_piecework_makes_a_link(pieces: list[str]) -> None:
    """However a reply is put together, no address with a scheme is left, and a second look agrees."""  # noqa: E501
    left = guarded("".join(pieces))

    assert not re.search(r"https?://[^\s<>()\[\]\"'«»\\]", left)
    assert guarded(left) == left


def test_links_hidden_in_links_are_not_followed_down() -> None:
    """A reply that nests links without end is dropped whole, and at once."""
    began = time.process_time()

    assert guarded("[" * 1300 + "a" + "]()" * 1300) == ""
    assert time.process_time() - began < 0.2


@pytest.mark.parametrize(
    "name", ["example.org.ru", "example.org.store", "www.example.org.evil.com"]
)
def test_a_longer_name_is_not_the_allowed_one(name: str) -> None:
    """A domain that only begins like an allowed one goes whole."""
    assert "example" not in guard_reply(f"Veja {name} hoje", sources=(), domains=("example.org",))


def test_an_allowed_name_below_another_ending_stays_whole() -> None:
    """Nothing of a longer name is left over, where the owner allowed it."""
    told = "Escreva para empresa.com.ar hoje"

    assert guard_reply(told, sources=(), domains=("empresa.com.ar",)) == told
