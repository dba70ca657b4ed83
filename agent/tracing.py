"""Whether LangSmith hears of a turn: it reads the environment by itself, at every run."""

import os

#: Older names of the switch, which LangSmith looks at first.
_OLDER = ("LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING_V2", "LANGCHAIN_TRACING")


def switch_tracing(on: bool, project: str) -> None:
    """Make the settings decide, and nothing else that an environment may hold.

    Call it before the first run: traces hold what contacts wrote.
    """
    os.environ["LANGSMITH_TRACING"] = "true" if on else "false"
    os.environ["LANGSMITH_PROJECT"] = project
    for name in _OLDER:
        os.environ.pop(name, None)
