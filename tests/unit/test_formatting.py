"""Turning the Markdown of chat models into what WhatsApp shows."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.formatting import whatsapp_text

ADDRESSES = (
    "https://pt.wikipedia.org/wiki/14-bis_(avião)",
    "https://x.com/a_b_c/_d_?q=*z*&copy;=1~2~#__top__",
    "http://127.0.0.1:8080/a__b__c",
    "www.exemplo.com.br/_fotos_/",
    "museu.org/um_dois_",
)
# What a model may write around words, and what stands between.
MARKS = st.sampled_from(["**", "*", "_", "__", "~~", "`", "``", "```\n", "\\", "[", "](", ")"])
BLOCKS = st.sampled_from(["\n", "\n\n", "- ", "* ", "1. ", "> ", "# ", "|", "|-|\n", "---", "  "])
HTML = st.sampled_from(["&amp;", "<b>", "</b>", "<br>", "<"])
PIECES = MARKS | BLOCKS | HTML
WORDS = st.sampled_from(["avião", "Paris", "14-bis", "1906", "e", "R$ 5,00", "🇧🇷", "São"])
SOUP = st.lists(PIECES | WORDS, max_size=25).map("".join)
SPACED = st.lists(PIECES | WORDS, max_size=25).map(" ".join)
LINKED = st.lists(st.sampled_from(["**", "_", "*", "~~", "- ", "oi", "\n"]) | st.none(), max_size=8)
# What a model writes when it is in its right mind.
PHRASE = st.lists(
    WORDS
    | st.sampled_from(
        ["**o 14-bis**", "_a asa_", "~~não~~", "***sim***", "*eu*", "`x`", ADDRESSES[0]]
    ),
    min_size=1,
    max_size=5,
).map(" ".join)
BLOCK = st.builds(
    str.format,
    st.sampled_from(["{}", "# {}", "- {}\n- {}", "1. {}\n   - {}\n2. {}", "> {}\n> {}", "{}\n{}"]),
    PHRASE,
    PHRASE,
    PHRASE,
)
DOCUMENT = st.lists(BLOCK | st.sampled_from(["---", "```\nx = 1\n```"]), max_size=5).map(
    "\n\n".join
)


def words(text: str) -> list[str]:
    """Return words and numbers in order, without any mark."""
    return re.findall(r"[^\W_]+", re.sub(r"&amp;|</?br?>", " ", text))


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("**negrito** e __negrito__", "*negrito* e *negrito*"),
        ("_itálico_ e **x**", "_itálico_ e *x*"),
        ("~~riscado~~", "~riscado~"),
        ("***ambos*** e **_ambos_** e _**ambos**_", "*_ambos_* e *_ambos_* e *_ambos_*"),
        ("**a _b_ c**", "*a _b_ c*"),
        ("_a **b** c_", "_a *b* c_"),
        ("**um** ***dois*** _três_", "*um* *_dois_* _três_"),
        ("<b>um <i>dois</b> três</i>", "*um _dois_* três"),
        ("**duas\nlinhas**", "*duas*\n*linhas*"),
        ("**Nota:** veja", "*Nota:* veja"),
        ("**Paris**, em 1906", "*Paris*, em 1906"),
        ("(**Paris**) “**Paris**”", "(*Paris*) “*Paris*”"),
    ],
)
def test_emphasis_wears_whatsapps_marks(markdown: str, shown: str) -> None:
    """Bold, italic and strike become WhatsApp's, within each line."""
    assert whatsapp_text(markdown) == shown


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("isto é *forte* e *isto* também", "isto é *forte* e *isto* também"),
        ("**forte** e *leve*", "*forte* e _leve_"),
        ("***ambos*** e *leve*", "*_ambos_* e _leve_"),
    ],
)
def test_a_single_star_is_italic_only_beside_double_ones(markdown: str, shown: str) -> None:
    """Single stars alone are WhatsApp's bold; beside `**` they are Markdown's italics."""
    assert whatsapp_text(markdown) == shown


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("**Nota:**veja", "Nota:veja"),
        ("três **balão**s", "três balãos"),
        ("**2*3** = 6", "2*3 = 6"),
        ("** solto **", "** solto **"),
    ],
)
def test_marks_that_whatsapp_would_show_as_marks_are_left_out(markdown: str, shown: str) -> None:
    """Where WhatsApp would show stray asterisks, the words go plain, or as they were written."""
    assert whatsapp_text(markdown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "2 * 3 * 4 = 24",
        "2*3*4 e x**2 + y**2",
        "snake_case_name e __init",
        "R$ 5,00* (*até sexta)",
        "o 14-bis voou",
        "de ~5 km a ~10 km",
        "-5 °C, +5 °C e 5 > 3 < 4",
        "+ 5 °C",
        "um beijo :* e ;-*",
        r"¯\_(ツ)_/¯ \o/ ^_^ *_* >_< T_T <3 :\ ",
        ">:(",
        "#14bis #Bagatelle",
        "R&D, a && b, &tal;",
        "Fulano <apelido> 5 <6> 7",
        "[1] nota, [^2] nota\n\n[^2]: a nota",
        "Oi!\nTudo bem?\n\nSim.",
        "_ _ _ ok",
        "1906. Foi o ano.\n1907) Outro.",
        "10. dez\n11. onze",
        "• um\n• dois",
        "Abraço,\nAlberto",
        "*só* _isto_ ~aqui~ `x` *_y_*\n> cita\n- item\n  - mais\n1. um\n   - dois",
        "```\nx = 2*3*4\n```",
    ],
)
def test_what_is_no_markdown_stays(text: str) -> None:
    """Sums, names, prices, faces, dates and what is WhatsApp's already are not touched."""
    assert whatsapp_text(text) == text.strip()


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("* a\n* b", "- a\n- b"),
        ("+ a\n+ b", "- a\n- b"),
        ("- a\n  * b\n    + c", "- a\n  - b\n    - c"),
        ("3. a\n5. b", "3. a\n5. b"),
        ("1. a\n   - b\n   - c\n2. d", "1. a\n   - b\n   - c\n2. d"),
        ("Itens:\n* a\n* b\n\nFim", "Itens:\n- a\n- b\n\nFim"),
        ("* a\n\n* b", "- a\n\n- b"),
        ("- [ ] comprar\n- [x] voar", "- ☐ comprar\n- ☑ voar"),
        ("* **Ano:** 1906\n* **Lugar:** Paris", "- *Ano:* 1906\n- *Lugar:* Paris"),
    ],
)
def test_lists_stay_lists(markdown: str, shown: str) -> None:
    """Bullets become `- `, numbers stay what they are, and what is nested is indented."""
    assert whatsapp_text(markdown) == shown


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("# Título\ntexto", "*Título*\ntexto"),
        ("### O **14-bis** ###\n\ntexto", "*O 14-bis*\n\ntexto"),
        ("> a\n> b\n>\n> > c\n\nd", "> a\n> b\n> c\n\nd"),
        ("a\n\n---\n\nb", "a\n\n———\n\nb"),
        ("a\n---\nb", "a\n———\nb"),
        ("`x_y` e ``a`b``", "`x_y` e ```a`b```"),
        ("```python\nprint('**a**')\n```", "```\nprint('**a**')\n```"),
        ("~~~\nx\n\ny", "```\nx\n\ny\n```"),
        ("a  \nb\\\nc\n\n\n\nd", "a\nb\nc\n\nd"),
        ("    recuado", "recuado"),
    ],
)
def test_blocks_become_readable(markdown: str, shown: str) -> None:
    """Headings, quotes, rules, code and line breaks read well where WhatsApp has nothing alike."""
    assert whatsapp_text(markdown) == shown


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("|Ano|Feito|\n|-|-|\n|1906|**14-bis**|", "*Ano – Feito*\n1906 – *14-bis*"),
        (
            "| Ano | Modelo | Voo |\n|--|:-:|--:|\n| 1906 | 14-bis | 220 m |\n| 1907 | | x |",
            "*Ano: 1906*\nModelo: 14-bis\nVoo: 220 m\n\n*Ano: 1907*\nVoo: x",
        ),
        ("| | Voo |\n|-|-|\n| 1906 | 220 m |", "*Voo*\n1906 – 220 m"),
        ("a|b|c\n-|-|-", "*a – b – c*"),
    ],
)
def test_tables_become_lines(markdown: str, shown: str) -> None:
    """A table of two columns becomes pairs; a wider one tells each row under its headers."""
    assert whatsapp_text(markdown) == shown


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        (f"veja [o 14-bis]({ADDRESSES[0]}).", f"veja o 14-bis ({ADDRESSES[0]})."),
        (f"[{ADDRESSES[0]}]({ADDRESSES[0]})", ADDRESSES[0]),
        ("[museu.org/x](https://www.museu.org/x/)", "https://www.museu.org/x/"),
        ("<https://x.com/_a_> <eu@x.com>", "https://x.com/_a_ eu@x.com"),
        ("[eu@x.com](mailto:eu@x.com)", "eu@x.com"),
        ("[](https://x.com/a)", "https://x.com/a"),
        ('[a](https://x.com/a "título")', "a (https://x.com/a)"),
        ("![foto](https://x.com/a_b.png)", "foto (https://x.com/a_b.png)"),
        ('<a href="https://x.com/a_b">aqui</a>', "aqui (https://x.com/a_b)"),
        (
            "**Veja https://x.com/a_b**, _ou https://x.com_",
            "*Veja* https://x.com/a_b, _ou_ https://x.com",
        ),
        ("[x](javascript:alert)", "[x](javascript:alert)"),
    ],
)
def test_links_are_shown_in_full(markdown: str, shown: str) -> None:
    """An address is shown beside its words, once if they are the same, and wears no mark."""
    assert whatsapp_text(markdown) == shown


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("<b>a</b> <em>b</em> <del>c</del>", "*a* _b_ ~c~"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("<p>a</p><p>b</p>", "a\nb"),
        ("<ul><li>a</li><li>b</li></ul>", "- a\n- b"),
        ("H<sub>2</sub>O <!-- nota --> &amp; caf&eacute;", "H2O  & café"),
        (r"\*não\* \_é\_ 1\. \# \[x\]", "*não* _é_ 1. # [x]"),
        ("<!-- só isto -->", "<!-- só isto -->"),
    ],
)
def test_html_and_escapes_are_resolved(markdown: str, shown: str) -> None:
    """Tags, entities and escapes become what they mean, and never an empty reply."""
    assert whatsapp_text(markdown) == shown


@pytest.mark.parametrize(
    "markdown",
    [
        "falso&#46;com/x",
        "falso<b></b>.com/x",
        r"falso\.com/x **a**",
        "**falso.**com **a**",
        "https&colon;//falso.com.br",
        "falso<!-- -->.com",
        "h<i>t</i>tps://falso.com/",
    ],
)
def test_no_address_appears_that_the_guard_has_not_seen(markdown: str) -> None:
    """A text whose formatting would join words to a new address goes as it was written."""
    assert whatsapp_text(markdown) == markdown


@given(SOUP | SPACED | st.text(max_size=200))
def test_no_text_is_too_strange(markdown: str) -> None:
    """Whatever is given, something comes back, no longer than promised and free at its ends."""
    shown = whatsapp_text(markdown)

    assert shown == shown.strip()
    assert bool(shown) == bool(markdown.strip())
    assert len(shown) <= 6 * len(markdown) + 40


@given(SPACED)
def test_every_word_stays_in_order(markdown: str) -> None:
    """Marks change; no word is lost, doubled or moved."""
    # A table may drop what has no column, and a tag as an address is no tag.
    if "|-|" not in markdown and "]( <" not in markdown:
        assert words(whatsapp_text(markdown)) == words(markdown)


@given(st.sampled_from(ADDRESSES), LINKED, LINKED)
def test_every_address_keeps_every_byte(
    address: str, before: list[str | None], after: list[str | None]
) -> None:
    """An address among any marks comes out as it went in."""
    around = [" ".join(each or "fim" for each in side) for side in (before, after)]

    assert address in whatsapp_text(f"{around[0]} {address} {around[1]}")
    assert address in whatsapp_text(f"{around[0]} [museu]({address}) {around[1]}")


@given(DOCUMENT)
def test_what_is_formatted_stays_as_it_is(markdown: str) -> None:
    """Formatting what is formatted already changes nothing."""
    once = whatsapp_text(markdown)

    assert whatsapp_text(once) == once
