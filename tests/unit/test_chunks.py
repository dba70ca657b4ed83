"""Cutting documents into paragraphs to read and chunks to find."""

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from knowledge.chunks import CHUNK_CHARACTERS, PARAGRAPH_CHARACTERS, cut
from knowledge.sections import Section

PROSE = st.lists(
    st.one_of(
        st.text(alphabet="abcé .!?\n", max_size=120),
        st.sampled_from(["\n\n", "\n- ", "\n", "Sr. ", "1. ", "…", "x" * 700, "uma frase. "]),
        st.text(max_size=60),
    ),
    max_size=40,
).map("".join)


def squeezed(text: str) -> str:
    """Return `text` without white space, which cutting is free to change."""
    return "".join(text.split())


def sentence(number: int, length: int = 120) -> str:
    """Return a sentence of about `length` characters that names its number."""
    return f"Esta é a frase {number} " + "x" * (length - 20) + "."


@given(st.lists(PROSE, max_size=4))
def test_no_text_is_lost_and_none_is_moved(texts: list[str]) -> None:
    """The paragraphs of a document, put together, are its text in its order."""
    sections = tuple(Section(f"s{number}", text) for number, text in enumerate(texts))

    paragraphs = list(cut(sections))

    assert squeezed("".join(p.text for p in paragraphs)) == squeezed("".join(texts))


SHAPES = st.lists(
    st.tuples(st.integers(1, 290), st.sampled_from([" ", ". ", "\n", "\n\n", "\n- "]))
)


@given(SHAPES)
@example([(1, " "), (1, "\n- "), (289, "\n- ")])
def test_the_chunks_of_a_paragraph_cover_it(shape: list[tuple[int, str]]) -> None:
    """Every chunk is a run of its paragraph's words, and together they leave none out."""
    text = "".join(f"<{n}>".ljust(width, "_") + gap for n, (width, gap) in enumerate(shape))
    for paragraph in cut((Section("", text),)):
        whole, covered = squeezed(paragraph.text), 0
        for chunk in map(squeezed, paragraph.chunks):
            # The last place without a gap: a short chunk may stand in several.
            start = whole.rfind(chunk, 0, covered + len(chunk))
            assert 0 <= start <= covered < start + len(chunk)
            covered = start + len(chunk)

        assert covered == len(whole)


@given(PROSE)
def test_sizes_are_bounded(text: str) -> None:
    """No chunk and no paragraph is longer than its limit, however the text is written."""
    for paragraph in cut((Section("", text),)):
        assert paragraph.text
        assert len(paragraph.text) <= PARAGRAPH_CHARACTERS + CHUNK_CHARACTERS
        assert all(0 < len(chunk) <= CHUNK_CHARACTERS for chunk in paragraph.chunks)


def test_chunks_end_at_sentence_ends() -> None:
    """Ordinary prose is never cut inside a sentence."""
    text = " ".join(sentence(n) for n in range(12))

    chunks = [chunk for p in cut((Section("", text),)) for chunk in p.chunks]

    assert len(chunks) > 3
    assert all(chunk.startswith("Esta") and chunk.endswith(".") for chunk in chunks)


def test_neighbouring_chunks_overlap() -> None:
    """A fact told in two short sentences is found though the first ends a chunk."""
    text = " ".join(sentence(n, 80) for n in range(10))

    chunks = next(iter(cut((Section("", text),)))).chunks

    assert all(one.rsplit("Esta", 1)[1] in other for one, other in pairwise(chunks))


def test_short_paragraphs_are_read_together() -> None:
    """A question and its answer in two short paragraphs are one passage, the blank line kept."""
    text = "Onde você nasceu?\n\nNa fazenda Cabangu, em Minas."

    assert [p.text for p in cut((Section("", text),))] == [text]


def test_long_paragraphs_are_read_alone() -> None:
    """A paragraph long enough to stand alone is not mixed with its neighbours."""
    first, second = (" ".join(sentence(n) for n in r) for r in (range(4), range(4, 8)))

    assert [p.text for p in cut((Section("", f"{first}\n\n{second}"),))] == [first, second]


def test_sections_are_never_mixed() -> None:
    """However short, text under two titles stays in two paragraphs."""
    paragraphs = list(cut((Section("Um", "Curto."), Section("Dois", "Curtinho."))))

    assert [(p.section, p.text) for p in paragraphs] == [("Um", "Curto."), ("Dois", "Curtinho.")]


def test_lines_broken_by_a_page_are_put_together() -> None:
    """Text wrapped at a fixed width is read as running prose."""
    text = (
        "Nasci em 20 de julho de 1873, na fazenda\n"
        "Cabangu, onde meu pai construía um trecho\n"
        "da estrada de ferro. Era o sexto filho."
    )

    assert next(iter(cut((Section("", text),)))).text == text.replace("\n", " ")


def test_lists_keep_their_lines() -> None:
    """Items, with or without a mark, stay on lines of their own."""
    text = "- café preto\n- pão de queijo\n\nAzul\nVerde-claro\nBranco"

    assert next(iter(cut((Section("", text),)))).text == text
