"""What the READMEs say, held against the program and against each other."""

import re
from pathlib import Path

import pytest

from app import Application
from commands import COMMANDS

ROOT = Path(__file__).parents[2]
ENGLISH, PORTUGUESE = "README.md", "README.pt-BR.md"
BOTH = pytest.mark.parametrize("name", [ENGLISH, PORTUGUESE])

_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_SETTING = re.compile(r"^\| `([A-Z][A-Z0-9_]+)` \|", re.MULTILINE)
_EXAMPLE = re.compile(r"^#?([A-Z][A-Z0-9_]+)=", re.MULTILINE)
_ACTION = re.compile(r"`([a-z]+_[a-z]+)`")


def read(name: str) -> str:
    """Return a file of the project."""
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str) -> list[tuple[str, str]]:
    """Return the (language, text) of a README's code blocks."""
    return _FENCE.findall(read(name))


def headings(name: str) -> list[int]:
    """Return the levels of a README's headings, in order."""
    prose = _FENCE.sub("", read(name))
    return [len(marks) for marks in re.findall(r"^(#+) ", prose, re.MULTILINE)]


def tables(name: str) -> list[int]:
    """Return the number of columns of every row of a README's tables."""
    return [row.count("|") for row in re.findall(r"^\|.*\|$", read(name), re.MULTILINE)]


def typed(name: str) -> str:
    """Return everything a README tells to type: its blocks of shell and its inline code."""
    shell = [text for language, text in blocks(name) if language == "sh"]
    return "\n".join([*shell, *re.findall(r"`([^`\n]+)`", _FENCE.sub("", read(name)))])


@BOTH
def test_the_picture_of_the_flow_is_the_graphs_own(name: str, tmp_path: Path) -> None:
    """The Mermaid block is what `clone graph` prints, to be pasted anew when the graph changes."""
    graph = Application({"CLONE_DATA": str(tmp_path)}).graph()

    drawn = [text for language, text in blocks(name) if language == "mermaid"]

    assert drawn == [graph.get_graph().draw_mermaid().rstrip("\n") + "\n"]


@BOTH
def test_the_settings_table_names_every_setting(name: str) -> None:
    """The table and `.env.example` name the same settings, each once."""
    assert sorted(_SETTING.findall(read(name))) == sorted(_EXAMPLE.findall(read(".env.example")))


def test_the_settings_that_are_read_are_documented() -> None:
    """Whatever name the program reads from the environment stands in the table."""
    read_by_program = set(
        re.findall(r'read\.\w+\(\s*"([A-Z][A-Z0-9_]+)"', read("agent/settings.py"))
    )
    set_by_hosts = {"REPLIT_DEPLOYMENT"}

    assert read_by_program - set_by_hosts <= set(_SETTING.findall(read(ENGLISH)))
    assert len(read_by_program) > 30


@BOTH
def test_every_command_that_is_named_exists(name: str) -> None:
    """Each `clone …` is a command of the program, and each `make …` a target of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    commands = set(re.findall(r"^(?:\S*/)?clone ([a-z]+)", typed(name), re.MULTILINE))
    made = set(re.findall(r"\bmake ([a-z-]+)", typed(name)))

    assert commands <= set(COMMANDS)
    assert {"init", "index", "ask", "chat", "doctor", "serve", "graph"} <= commands
    assert made <= targets
    assert {"run", "test"} <= made


@BOTH
def test_every_file_that_is_named_exists(name: str) -> None:
    """Links and the table of folders lead somewhere."""
    links = re.findall(r"\]\(([^)#:]+)\)", read(name))
    folders = re.findall(r"^\| `([\w./]+/|app\.py)` \|", read(name), re.MULTILINE)

    assert [path for path in [*links, *folders] if not (ROOT / path).exists()] == []
    assert len(folders) > 8


@BOTH
def test_every_action_that_is_named_is_logged(name: str) -> None:
    """The table of log lines names actions that the program writes."""
    sources = [path for room in ("agent", "channels", "knowledge") for path in room_files(room)]
    program = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    table = re.findall(r"^\| (`[a-z_]+`(?:, `[a-z_]+`)*) \| ", read(name), re.MULTILINE)
    named = _ACTION.findall(" ".join(table))

    assert [action for action in named if f'"{action}"' not in program] == []
    assert len(named) > 10


def room_files(room: str) -> list[Path]:
    """Return the modules of one of the project's packages."""
    return sorted((ROOT / room).rglob("*.py"))


@BOTH
def test_the_smoke_test_is_the_samples_own(name: str) -> None:
    """The answer to `oi` that a new owner waits for is the sample persona's, to the letter."""
    assert f"`{Application({}).persona.shortcuts['oi']}`" in read(name)


def test_both_languages_say_the_same_in_the_same_order() -> None:
    """The READMEs have the same headings, the same tables and the same things to type."""
    assert headings(ENGLISH) == headings(PORTUGUESE)
    assert tables(ENGLISH) == tables(PORTUGUESE)
    assert blocks(ENGLISH) == blocks(PORTUGUESE)
    assert _SETTING.findall(read(ENGLISH)) == _SETTING.findall(read(PORTUGUESE))
