"""LangSmith reads the environment by itself: what our settings do about it, in a fresh process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
LOOK = """
from app import Application
import os
Application(dict(os.environ)).services
from langsmith.utils import get_tracer_project, tracing_is_enabled
print(tracing_is_enabled(), get_tracer_project())
"""


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({}, "False clone-digital"),
        ({"LANGSMITH_TRACING_V2": "true", "LANGCHAIN_TRACING_V2": "true"}, "False clone-digital"),
        ({"LANGSMITH_TRACING": "true", "LANGSMITH_PROJECT": "mine"}, "True mine"),
    ],
)
def test_nothing_is_traced_unless_our_setting_says_so(
    tmp_path: Path, env: dict[str, str], told: str
) -> None:
    """Older names of the switch, left in an environment, send nobody's words anywhere."""
    settings = {"CLONE_DATA": str(tmp_path), "LANGSMITH_TRACING": "", "CLONE_MODEL": "offline"}
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("LANG", "CLONE"))}

    seen = subprocess.run(
        [sys.executable, "-c", LOOK],
        cwd=ROOT,
        env=clean | settings | env,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert seen.stdout.strip() == told
