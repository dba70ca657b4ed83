"""What may be chosen for one run, as plain data that Studio can edit."""

from dataclasses import dataclass

from langgraph.runtime import Runtime


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of a run; services are bound when the graph is built and never stand here."""

    #: How many passages the model reads.
    passages: int = 4
    #: Whether the reply may be spoken.
    voice: bool = True


def options_of(runtime: Runtime[Options]) -> Options:
    """Return the options of a run, or the defaults: LangGraph gives None where none were sent."""
    given: Options | None = runtime.context
    return given or Options()
