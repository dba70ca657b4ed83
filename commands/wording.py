"""How commands put counts, times and lists into words."""

from collections.abc import Sequence
from datetime import UTC, datetime

from channels.twilio_errors import CODES

#: How many names or reasons one sentence holds.
_MOST = 4
_LONGEST = 120


def counted(number: int, noun: str) -> str:
    """Return `1 file`, `2 files`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def some(items: Sequence[str]) -> str:
    """Return the first items, and how many more there are."""
    more = f"; and {len(items) - _MOST} more" if len(items) > _MOST else ""
    return "; ".join(items[:_MOST]) + more


def moment(seconds: float) -> str:
    """Return a Unix time to the minute, in UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"


def shortened(reason: str) -> str:
    """Return a stored error in one line that fits into a sentence."""
    line = " ".join(reason.split()) or "no reason kept"
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def explained(code: str) -> str:
    """Return what one of Twilio's error codes stands for, with the code itself."""
    known = CODES.get(code)
    return f"{known.words} ({code})" if known else f"Twilio's error {code or 'without a code'}"
