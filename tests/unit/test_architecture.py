"""The rooms of the house: who may import whom, how long a file may be, what stays light."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sources import PACKAGES, ROOT, imported_names, module_name, parse, product_files

# What the doors and the library may know of the mind: its words and its ground, never its turns.
GROUND = tuple(
    f"agent.{name}"
    for name in (
        "messages", "ports", "errors", "settings", "text", "tokens", "storage", "postgres",
        "vendors", "logs", "keys", "turnstile", "consent", "media_types",
    )
)  # fmt: skip

# room -> what it may import of ours; the longest room that holds a module decides.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "prompts": ("prompts",),
    "agent": ("agent", "prompts"),
    "agent.adapters": ("agent", "prompts"),
    "knowledge": ("knowledge", *GROUND),
    "channels": ("channels", *GROUND),
    "commands": ("commands", "agent", "channels", "knowledge", "prompts"),
    "app": ("agent", "channels", "commands", "knowledge", "prompts"),
}
# Only the composition root meets the vendors' adapters, and they each other.
MAY_IMPORT_ADAPTERS = ("app", "agent.adapters")

VAGUE_NAMES = {"base", "common", "core", "helper", "helpers", "manager", "service", "util", "utils"}

FILE_LINES = 250
FUNCTION_LINES = 50
# "path" or "path::function" -> why it is better long than cut. Empty is the aim.
DEFENDED: dict[str, str] = {
    "app.py": "the only composition root: a short builder for every part of the house",
}

# None of these may be loaded by the process that answers webhooks.
HEAVY = (
    "langchain", "langgraph", "langsmith", "faiss", "openai", "elevenlabs", "twilio.rest", "numpy",
    "markdown_it", "aiohttp",
)  # fmt: skip

WEB_PROCESS = """
import sys
import app
web = app.create_app()
assert web.test_client().get("/healthz").status_code == 200
print("\\n".join(sys.modules))
"""


def is_within(name: str, rooms: tuple[str, ...]) -> bool:
    """Tell whether the dotted `name` is one of `rooms` or lies in one of them."""
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


def refused(module: str, names: set[str]) -> list[str]:
    """Return the imports of ours in `names` that `module` may not make."""
    room = max((room for room in MAY_IMPORT if is_within(module, (room,))), key=len)
    ours = {name for name in names if is_within(name, (*PACKAGES, "app", "tests"))}
    wrong = {name for name in ours if not is_within(name, MAY_IMPORT[room])}
    if not is_within(module, MAY_IMPORT_ADAPTERS):
        wrong |= {name for name in ours if is_within(name, ("agent.adapters",))}
    return sorted(wrong)


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function and method of `tree`, nested ones too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_the_tree_is_seen() -> None:
    """The tests below look at all packages, not at an empty folder."""
    rooms = {module_name(file).split(".")[0] for file in product_files()}

    assert rooms == {*PACKAGES, "app"}


@pytest.mark.parametrize("file", product_files(), ids=module_name)
def test_imports_point_inwards(file: Path) -> None:
    """No module imports a room that the design keeps from it."""
    module = module_name(file)
    names = imported_names(parse(file), module, is_package=file.name == "__init__.py")

    assert refused(module, names) == []


@pytest.mark.parametrize(
    ("module", "statement"),
    [
        ("prompts.persona", "import agent"),
        ("agent.nodes", "from agent.adapters import offline"),
        ("agent.nodes", "from agent import adapters"),
        ("agent.nodes", "from .adapters.openai import Model"),
        ("agent.clone", "from channels.inbox import Inbox"),
        ("agent.adapters.openai", "import channels"),
        ("channels.inbox", "from knowledge import index"),
        ("channels.worker", "from agent.clone import Clone"),
        ("knowledge.index", "import agent.graph"),
        ("knowledge.index", "def late():\n    import channels.inbox"),
        ("commands.ask", "from agent.adapters.offline import Model"),
        ("commands.ask", "import app"),
        ("app", "from tests.fakes import FakeVoice"),
    ],
)
def test_a_wrong_import_is_noticed(module: str, statement: str) -> None:
    """Each rule of the import directions refuses an import that breaks it."""
    assert refused(module, imported_names(ast.parse(statement), module))


@pytest.mark.parametrize("file", sorted((ROOT / "commands").rglob("*.py")), ids=module_name)
def test_commands_import_only_types(file: Path) -> None:
    """A command receives the objects it works on; of the other rooms it knows their types."""
    module = module_name(file)
    names = imported_names(parse(file), module, is_package=file.name == "__init__.py")

    not_types = {
        name
        for name in names
        if is_within(name, ("agent", "channels", "knowledge", "prompts"))
        if not name.rpartition(".")[2][:1].isupper()
    }

    assert not_types == set()


# The composition root imports what it wires inside its factories; nobody else may.
@pytest.mark.parametrize(
    "file", [file for file in product_files() if file != ROOT / "app.py"], ids=module_name
)
def test_our_own_modules_are_imported_at_the_top(file: Path) -> None:
    """A late import means that something is heavy, never that modules import in a circle."""
    module = module_name(file)

    late = {
        name
        for function in functions(parse(file))
        for name in imported_names(function, module, is_package=file.name == "__init__.py")
        if is_within(name, (*PACKAGES, "app"))
    }

    assert late == set()


@pytest.mark.parametrize("file", product_files(), ids=module_name)
def test_files_and_functions_stay_short(file: Path) -> None:
    """A file keeps under 250 lines and a function under 50, unless the table defends it."""
    path = file.relative_to(ROOT).as_posix()
    lengths = {path: (len(file.read_text(encoding="utf-8").splitlines()), FILE_LINES)}
    for function in functions(parse(file)):
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        lengths[f"{path}::{function.name}"] = (length, FUNCTION_LINES)

    too_long = {
        name: length
        for name, (length, most) in lengths.items()
        if length > most and name not in DEFENDED
    }

    assert too_long == {}


@pytest.mark.parametrize("file", product_files(), ids=module_name)
def test_modules_are_named_after_their_domain(file: Path) -> None:
    """No module has a name that says nothing about what it is for."""
    assert VAGUE_NAMES.isdisjoint(module_name(file).split("."))


def test_the_web_process_stays_light(tmp_path: Path) -> None:
    """Building the web application and answering a request loads no model, vendor or index."""
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "CLONE_DATA": str(tmp_path),
        "PYTHONPATH": str(ROOT),
    }

    process = subprocess.run(
        [sys.executable, "-c", WEB_PROCESS],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert process.returncode == 0, process.stderr
    loaded = [name for name in process.stdout.split() if is_heavy(name)]
    assert loaded == []


def is_heavy(name: str) -> bool:
    """Tell whether the loaded module `name` belongs to the worker only."""
    top = name.split(".")[0]
    return is_within(name, HEAVY) or top.startswith(("langchain_", "langgraph_"))
