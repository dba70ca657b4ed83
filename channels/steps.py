"""What there is to do for a contact: wait, run a turn, refuse one, or leave one aside."""

from dataclasses import dataclass

from agent.messages import Turn, TurnMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Nothing to do for the contact for so many seconds, unless news comes."""

    seconds: float
    #: The latest message that will be answered then, and its channel.
    message: TurnMessage | None = None
    channel: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A turn to answer now, with what its earlier attempts came to."""

    turn: Turn
    #: Attempts begun, this one included; more than the failures when a process died.
    attempts: int
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """A turn that is one too many; `told` if the contact has heard so today."""

    turn: Turn
    told: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A turn that came too late to be answered and was put aside for the operator."""

    turn_id: str
