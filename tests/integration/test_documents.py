"""Reading the owner's folder, whatever they put in it."""

import os
from pathlib import Path

import pytest

from agent.errors import DocumentError
from knowledge.documents import SourceFile, Unreadable, find_documents, read_document


def write(folder: Path, name: str, content: str | bytes) -> None:
    """Put a file into the folder, with the folders above it."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def read(folder: Path, name: str) -> list[tuple[str, str]]:
    """Return the (title, text) of the sections of one file."""
    for source in find_documents(folder):
        if source.name == name:
            assert isinstance(source, SourceFile), source
            return [(s.title, s.text.strip()) for s in read_document(source).sections]
    raise AssertionError(f"{name} was not found")


def refused(folder: Path) -> dict[str, str]:
    """Return the reason of each file that is left out before it is read."""
    return {s.name: s.reason for s in find_documents(folder) if isinstance(s, Unreadable)}


def test_files_are_found_below_folders_in_order_of_name(tmp_path: Path) -> None:
    """Text files count wherever they lie; hidden ones and the folder's README do not."""
    for name in ("b.txt", "a.MD", "sub/c.md", "sub/README.md", "README.md", ".x.txt", ".git/y.md"):
        write(tmp_path, name, "texto")

    assert [s.name for s in find_documents(tmp_path)] == [
        *("a.MD", "b.txt", "sub/README.md", "sub/c.md"),
    ]


def test_a_missing_folder_has_no_files(tmp_path: Path) -> None:
    """A folder that is not there is the same as an empty one."""
    assert list(find_documents(tmp_path / "absent")) == []


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252", "latin-1"]
)
def test_text_is_read_in_the_encodings_people_have(tmp_path: Path, encoding: str) -> None:
    """Accents arrive whole from Unicode with and without its mark, and from old Windows files."""
    write(tmp_path, "a.txt", "A invenção não é só minha.\r\nÉ de todos.".encode(encoding))

    assert read(tmp_path, "a.txt") == [("", "A invenção não é só minha.\nÉ de todos.")]


def test_invisible_characters_are_taken_out(tmp_path: Path) -> None:
    """What no person can see does not reach the model."""
    write(tmp_path, "a.txt", "um\u200b texto\u202e limpo\U000e0041")

    assert read(tmp_path, "a.txt") == [("", "um texto limpo")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b" \n\t\n", "holds no text"),
        (b"\x89PNG\x00\x00\x00", "is not text"),
        (bytes(range(1, 32)) * 20 + b"\xff\xfe\xfd", "is not text"),
        (b"\xff\xfea\x00b", "is damaged Unicode text"),
        (b"---\nprivate: true\n---\nsegredo", "is marked private"),
        (b"[privado]tudo[/privado]", "holds no text"),
    ],
)
def test_a_file_that_says_nothing_is_refused_with_a_reason(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    """Empty, binary, damaged and private files are told apart."""
    write(tmp_path, "a.txt", content)
    (source,) = find_documents(tmp_path)
    assert isinstance(source, SourceFile)

    with pytest.raises(DocumentError, match=reason):
        read_document(source)


def test_other_kinds_of_file_are_named(tmp_path: Path) -> None:
    """An ending without a reader is reported with what can be done."""
    write(tmp_path, "foto.jpg", b"\xff\xd8")

    assert refused(tmp_path) == {
        "foto.jpg": "has an ending that is not read; save it as one of .md, .txt"
    }


def test_links_stay_inside_the_folder(tmp_path: Path) -> None:
    """A link to a file outside is refused, one to a neighbour is read."""
    folder = tmp_path / "documents"
    write(folder, "a.txt", "texto")
    write(tmp_path, "secret.txt", "segredo")
    (folder / "inside.txt").symlink_to(folder / "a.txt")
    (folder / "outside.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "above").symlink_to(tmp_path, target_is_directory=True)
    (folder / "nowhere.txt").symlink_to(tmp_path / "absent.txt")

    assert set(refused(folder)) == {"outside.txt", "above", "nowhere.txt"}
    assert read(folder, "inside.txt") == [("", "texto")]


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A pipe under a text file's name does not make the reader wait."""
    os.mkfifo(tmp_path / "pipe.txt")

    assert refused(tmp_path) == {"pipe.txt": "is not a regular file"}


def test_private_parts_are_never_read(tmp_path: Path) -> None:
    """Marked blocks go, in either language and any case, and one never closed goes to the end."""
    text = "Um [privado]x[/privado] dois [PRIVATE]y\n\nz[/private] três [privado]fim [/private]"
    write(tmp_path, "a.txt", text)

    assert "".join(read(tmp_path, "a.txt")[0][1].split()) == "Umdoistrês"


@pytest.mark.parametrize(
    ("header", "private"),
    [
        ("private: true", True),
        ("title: x\nPrivado: sim", True),
        ('private: "yes"', True),
        ("private: false", False),
        ("title: private", False),
    ],
)
def test_front_matter_may_make_a_file_private(tmp_path: Path, header: str, private: bool) -> None:
    """The header decides, and is itself never part of the text."""
    write(tmp_path, "a.md", f"---\n{header}\n---\nCorpo.")
    if private:
        with pytest.raises(DocumentError, match="private"):
            read(tmp_path, "a.md")
    else:
        assert read(tmp_path, "a.md") == [("", "Corpo.")]


def test_two_rules_are_no_front_matter(tmp_path: Path) -> None:
    """Prose between two rules at the top of a file is kept."""
    write(tmp_path, "a.md", "---\nEra uma vez um avião\n---\nFim.")

    assert "Era uma vez" in read(tmp_path, "a.md")[0][1]


def test_markdown_sections_are_titled_by_their_path(tmp_path: Path) -> None:
    """Each stretch of text knows the headings above it; code is not taken for headings."""
    text = (
        "Prólogo.\n# Vida\n## Infância\nNasci.\n```\n# não\n```\n## Paris ##\nVoei.\n# Fim\nAdeus."
    )
    write(tmp_path, "a.md", text)

    assert read(tmp_path, "a.md") == [
        ("", "Prólogo."),
        ("Vida › Infância", "Nasci.\n# não"),
        ("Vida › Paris", "Voei."),
        ("Fim", "Adeus."),
    ]


def test_markdown_is_read_without_its_marks(tmp_path: Path) -> None:
    """Comments vanish, emphasis and code lose their signs, links keep their address."""
    text = (
        "Um **voo** *muito* __alto__ com `motor` em [Paris](https://paris.example/a_b_c)"
        " ![foto](x.png) <!-- nota\nescondida -->e 2 * 3 * 4 e snake_case_name.\n\n<!-- sem fim"
    )
    write(tmp_path, "a.md", text)

    assert read(tmp_path, "a.md")[0][1] == (
        "Um voo muito alto com motor em Paris (https://paris.example/a_b_c) foto e 2 * 3 * 4 "
        "e snake_case_name."
    )
