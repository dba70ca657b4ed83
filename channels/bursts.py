"""Bursts: which waiting messages of a contact belong together, and how they enter a turn."""

from collections.abc import Sequence
from typing import Any

from channels.due import seconds_until

#: A turn that meets new words of its contact is started over at most so often.
MAX_RESTARTS = 2
#: A burst is cut at so many windows, or a contact who never pauses would never be answered.
MAX_WINDOWS = 5


class Bursts:
    """Seals messages into turns, inside the transactions of `Turns`; `window` is in seconds."""

    def __init__(self, queries: Any, window: float) -> None:
        self._queries = queries
        self._window = window

    def left(self, connection: Any, contact: str, now: float) -> tuple[float, Any] | None:
        """Return the seconds until the contact's first burst is over, and their latest message.

        None when nothing waits.
        """
        waiting = list(self._queries.waiting_messages(connection, contact=contact))
        return (self._first_of(waiting, now)[1], waiting[-1]) if waiting else None

    def seal(self, connection: Any, contact: str, now: float) -> float | None:
        """Seal the contact's first burst if it is over; return the seconds until it is.

        None when no message waits.
        """
        waiting = list(self._queries.waiting_messages(connection, contact=contact))
        if not waiting:
            return None
        burst, left = self._first_of(waiting, now)
        if left == 0.0:
            first, last = burst[0]["id"], burst[-1]["id"]
            self._queries.insert_turn(connection, turn_id=first, contact=contact, now=now)
            self._queries.take_messages(connection, turn_id=first, contact=contact, last_id=last)
        return left

    def may_join(self, connection: Any, turn: Any) -> bool:
        """Tell whether messages came since the turn was sealed that may still start it over."""
        return turn["restarts"] < MAX_RESTARTS and self._has_news(connection, turn)

    def join(self, connection: Any, turn: Any, now: float) -> float:
        """Let all waiting messages join the turn, which then waits their burst out.

        Returns the seconds until it may run again.
        """
        due_at = self._take(connection, turn, now)
        self._queries.restart_turn(connection, turn_id=turn["id"], due_at=due_at, now=now)
        return max(0.0, due_at - now)

    def gather(self, connection: Any, turn: Any, now: float) -> float:
        """Let the rest of a burst join a turn that waits to start over, at most 5 windows long.

        Returns the seconds until the turn may run.
        """
        due_at = float(turn["due_at"])
        if turn["restarts"] > 0 and self._has_news(connection, turn):
            limit = turn["restarted_at"] + MAX_WINDOWS * self._window
            due_at = max(due_at, min(self._take(connection, turn, now), limit))
            self._queries.postpone(connection, turn_id=turn["id"], due_at=due_at, now=now)
        return max(0.0, due_at - now)

    def _first_of(self, waiting: Sequence[Any], now: float) -> tuple[Sequence[Any], float]:
        """Return the rows of the first burst and the seconds until it is over."""
        count, closes_at = first_burst([row["received_at"] for row in waiting], self._window)
        return waiting[:count], seconds_until(closes_at, waiting[count - 1]["received_at"], now)

    def _has_news(self, connection: Any, turn: Any) -> bool:
        return bool(
            self._queries.has_news(
                connection, contact=turn["contact"], after=turn["sealed_position"]
            )
        )

    def _take(self, connection: Any, turn: Any, now: float) -> float:
        """Give the turn all that waits; return when the burst of the latest message is over."""
        waiting = list(self._queries.waiting_messages(connection, contact=turn["contact"]))
        last = waiting[-1]
        self._queries.take_messages(
            connection, turn_id=turn["id"], contact=turn["contact"], last_id=last["id"]
        )
        return min(float(last["received_at"]), now) + self._window


def first_burst(times: Sequence[float], window: float) -> tuple[int, float]:
    """Return how many of the messages, by time of arrival, are the first burst, and its end.

    Gaps within a burst are at most `window` seconds, and all of it at most five windows.
    """
    limit = times[0] + MAX_WINDOWS * window
    count = 1
    while count < len(times) and times[count] <= min(times[count - 1] + window, limit):
        count += 1
    return count, min(times[count - 1] + window, limit)
