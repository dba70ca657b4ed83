"""What a check of `clone doctor` found out, and what to do about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from agent.errors import CloneError


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about one thing; the remedy is empty where nothing is to be done."""

    check: str
    state: Literal["ok", "warning", "error"]
    told: str
    remedy: str = ""


def fine(check: str, told: str, remedy: str = "") -> Finding:
    """Return that a thing is as it should be, with what could come next."""
    return Finding(check, "ok", told, remedy)


def doubtful(check: str, told: str, remedy: str) -> Finding:
    """Return that a thing works, but not as the owner may want it."""
    return Finding(check, "warning", told, remedy)


def broken(check: str, told: str, remedy: str) -> Finding:
    """Return that a thing does not work."""
    return Finding(check, "error", told, remedy)


def mistakes(check: str, error: "CloneError") -> Iterator[Finding]:
    """Yield the mistakes that an error lists, each with the remedy it carries."""
    listed = [line.removeprefix("  - ") for line in str(error).splitlines() if line[:4] == "  - "]
    for mistake in listed or [str(error)]:
        told, _, remedy = mistake.partition("; ")
        yield broken(check, told, remedy)
