"""Calls that this project never makes: code out of data, a shell, a wait without an end."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sources import ROOT, module_name, parse, product_files

# Loading these formats can run code that stands in the data.
FORBIDDEN_MODULES = frozenset(
    {"pickle", "_pickle", "marshal", "shelve", "joblib", "dill", "cloudpickle"}
)
FORBIDDEN_CALLS = frozenset(
    {
        "eval", "exec", "builtins.eval", "builtins.exec",
        "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput",
        "asyncio.create_subprocess_shell",
        "yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load",
        "torch.load", "pandas.read_pickle",
    }
)  # fmt: skip
# A keyword that has to stay absent or False.
FORBIDDEN_SWITCHES = frozenset(
    {"shell", "allow_pickle", "allow_dangerous_deserialization", "pickle_fallback"}
)
DYNAMIC_IMPORTS = frozenset({"__import__", "importlib.import_module"})

HTTP_VERBS = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "request"})
HTTP_LIBRARIES = ("requests", "httpx", "httpx2")
# call -> how many positional arguments already hold the timeout.
NEEDS_TIMEOUT: dict[str, int | None] = {
    **{f"{library}.{verb}": None for library in HTTP_LIBRARIES for verb in HTTP_VERBS},
    **{f"{library}.stream": None for library in ("httpx", "httpx2")},
    **{f"{library}.Client": None for library in ("httpx", "httpx2")},
    **{f"{library}.AsyncClient": None for library in ("httpx", "httpx2")},
    "urllib.request.urlopen": 3,
    "http.client.HTTPConnection": 3,
    "http.client.HTTPSConnection": None,
    "socket.create_connection": 2,
}


def offences(tree: ast.Module, *, may_print: bool = False) -> list[str]:
    """Return `line: what` for each forbidden thing in `tree`."""
    names = _bound_names(tree)
    found = [
        f"{node.lineno}: {what}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Call)
        for what in _judge(node, names, may_print=may_print)
    ]
    return sorted(found)


def _judge(
    node: ast.Import | ast.ImportFrom | ast.Call, names: dict[str, str], *, may_print: bool
) -> Iterator[str]:
    if isinstance(node, ast.Call):
        yield from _judge_call(node, _dotted(node.func, names), may_print=may_print)
    elif isinstance(node, ast.Import):
        yield from (a.name for a in node.names if _is_forbidden_module(a.name))
    elif node.module:
        modules = (node.module, *(f"{node.module}.{a.name}" for a in node.names))
        yield from (module for module in modules if _is_forbidden_module(module))


def _judge_call(call: ast.Call, name: str, *, may_print: bool) -> Iterator[str]:
    if name in FORBIDDEN_CALLS or (name == "print" and not may_print):
        yield f"{name}()"
    if name in DYNAMIC_IMPORTS and call.args and isinstance(call.args[0], ast.Constant):
        module = str(call.args[0].value)
        if _is_forbidden_module(module):
            yield module
    for keyword in call.keywords:
        if keyword.arg in FORBIDDEN_SWITCHES and not _is_constant(keyword.value, False):
            yield f"{keyword.arg}= in {name or 'a call'}()"
    if name in NEEDS_TIMEOUT and not _has_timeout(call, NEEDS_TIMEOUT[name]):
        yield f"{name}() without a timeout"


def _has_timeout(call: ast.Call, positional: int | None) -> bool:
    given = [keyword.value for keyword in call.keywords if keyword.arg == "timeout"]
    if positional is not None and len(call.args) >= positional:
        given.append(call.args[positional - 1])
    return any(not _is_constant(value, None) for value in given)


def _is_constant(node: ast.expr, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def _is_forbidden_module(name: str) -> bool:
    return name.split(".")[0] in FORBIDDEN_MODULES


def _bound_names(tree: ast.Module) -> dict[str, str]:
    """Return what each imported name of `tree` stands for, as a dotted path."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update({a.asname: a.name for a in node.names if a.asname})
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.update({a.asname or a.name: f"{node.module}.{a.name}" for a in node.names})
    return names


def _dotted(node: ast.expr, names: dict[str, str]) -> str:
    """Return the dotted path that a call names, or nothing when it is no plain path."""
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute) and (before := _dotted(node.value, names)):
        return f"{before}.{node.attr}"
    return ""


@pytest.mark.parametrize("file", product_files(), ids=module_name)
def test_nothing_forbidden_is_called(file: Path) -> None:
    """No module loads code from data, starts a shell, waits for ever or prints out of turn."""
    room = file.relative_to(ROOT).parts[0]

    assert offences(parse(file), may_print=room in ("commands", "app.py")) == []


@pytest.mark.parametrize(
    "snippet",
    [
        "import pickle",
        "import marshal as m",
        "from shelve import open",
        "def late():\n    import joblib",
        "import dill.source",
        "import importlib\nimportlib.import_module('pickle')",
        "__import__('marshal')",
        "eval('1')",
        "exec('1')",
        "import builtins\nbuiltins.eval('1')",
        "import os\nos.system('ls')",
        "from os import system as run\nrun('ls')",
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "import subprocess\nsubprocess.run('ls', shell=wanted)",
        "import asyncio\nasyncio.create_subprocess_shell('ls')",
        "import yaml\nyaml.load(text)",
        "from yaml import load\nload(text)",
        "import numpy as np\nnp.load(path, allow_pickle=True)",
        "store.load_local(path, allow_dangerous_deserialization=True)",
        "JsonPlusSerializer(pickle_fallback=True)",
        "import torch\ntorch.load(path)",
        "import requests\nrequests.get(url)",
        "import requests\nrequests.post(url, timeout=None)",
        "import httpx\nhttpx.get(url)",
        "import httpx2\nhttpx2.AsyncClient()",
        "from httpx import Client\nClient()",
        "import urllib.request\nurllib.request.urlopen(url)",
        "from urllib.request import urlopen\nurlopen(url, data)",
        "import socket\nsocket.create_connection(address)",
        "print('hello')",
    ],
)
def test_a_forbidden_call_is_noticed(snippet: str) -> None:
    """Each rule finds the snippet that breaks it, under any name it is imported as."""
    assert offences(ast.parse(snippet))


@pytest.mark.parametrize(
    "snippet",
    [
        "import subprocess\nsubprocess.run(['ls'], shell=False)",
        "import numpy\nnumpy.load(path, allow_pickle=False)",
        "import requests\nrequests.get(url, timeout=5)",
        "import httpx\nhttpx.AsyncClient(timeout=limit)",
        "from urllib.request import urlopen\nurlopen(url, None, 5)",
        "import socket\nsocket.create_connection(address, 2)",
        "import yaml\nyaml.safe_load(text)",
        "import json\njson.load(file)",
        "query.eval('1')",
        "self.print('hello')",
    ],
)
def test_an_ordinary_call_is_left_alone(snippet: str) -> None:
    """A call that only looks like a forbidden one passes."""
    assert offences(ast.parse(snippet)) == []


def test_the_command_line_may_print() -> None:
    """Printing is allowed where it is the purpose."""
    assert offences(ast.parse("print('hello')"), may_print=True) == []
