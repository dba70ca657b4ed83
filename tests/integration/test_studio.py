"""The factory that `langgraph.json` names, as a Studio server loads it, and what it sends out."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

#: Loads the factory by file as the server does, and runs a turn of Studio's chat.
SERVER = """
import asyncio, importlib.util, json, socket, sys

reached = []
sys.addaudithook(
    lambda event, given: reached.append(event)
    if event == "socket.getaddrinfo"
    or (event == "socket.connect" and given[0].family != socket.AF_UNIX)
    else None
)
path, name = sys.argv[1].split(":")
spec = importlib.util.spec_from_file_location("studio", path)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
graph = getattr(module, name)()
asked = {"messages": [{"role": "user", "content": "quando foi o primeiro voo do 14-bis?"}]}
state = asyncio.run(graph.ainvoke(asked))
print(json.dumps([graph.checkpointer is None, state["reply"], state["intent"], reached]))
"""


def test_studio_runs_the_graph_and_nothing_leaves(tmp_path: Path) -> None:
    """Messages alone are answered offline; with a key but no switch LangSmith is sent nothing."""
    graphs = json.loads((ROOT / "langgraph.json").read_text(encoding="utf-8"))["graphs"]

    run = subprocess.run(
        [sys.executable, "-c", SERVER, graphs["clone"]],
        cwd=ROOT,
        env={
            "PATH": "",
            "CLONE_DATA": str(tmp_path),
            "CLONE_MODEL": "offline",
            "CLONE_EMBEDDINGS": "offline",
            "CLONE_PERSONA": "examples/santos_dumont/persona.toml",
            "CLONE_DOCUMENTS": "examples/santos_dumont/documents",
            "LANGSMITH_API_KEY": "lsv2_test",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    has_no_checkpointer, reply, intent, reached = json.loads(run.stdout.splitlines()[-1])
    assert has_no_checkpointer
    assert "23 de outubro de 1906" in reply
    assert (intent, reached) == ("question", [])
