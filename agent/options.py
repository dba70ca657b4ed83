"""What may be chosen for one run, as plain data that Studio can edit."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of a run; services are bound when the graph is built and never stand here."""

    #: How many passages the model reads.
    passages: int = 4
    #: Whether the reply may be spoken.
    voice: bool = True
