"""Turns as the database keeps them: sealed, re-sealed, retried, finished, failed or held."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from agent.messages import Reply, Turn
from channels.database import Database
from channels.inbox import turn_message

#: A turn that meets new words of its contact is started over at most so often.
MAX_RESTARTS = 2
#: A burst is cut at so many windows, or a contact who never pauses would never be answered.
MAX_WINDOWS = 5
LATE_SECONDS = 15 * 60
HELD_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Nothing to do for the contact before this time (seconds of the clock)."""

    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A turn to answer now, with what its earlier attempts came to."""

    turn: Turn
    #: Attempts begun, this one included; more than the failures when a process died.
    attempts: int
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A turn that came too late to be answered and was put aside for the operator."""

    turn_id: str


class Turns:
    """Decides what a contact's next turn is; every method is one transaction."""

    def __init__(
        self, database: Database, burst_seconds: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._burst = burst_seconds
        self._clock = clock

    def contacts_with_work(self) -> list[str]:
        """Return the contacts with a message, a turn or a part of a reply still to deal with."""
        with self._database.read() as connection:
            rows = self._database.queries.contacts_with_work(connection)
            return [row["contact"] for row in rows]

    def contacts_with_news(self, after: int) -> tuple[list[str], int]:
        """Return the contacts with messages stored after a position, and the newest position.

        Positions grow in the order of commits: writers take turns, so none appears late.
        """
        with self._database.read() as connection:
            rows = list(self._database.queries.contacts_with_news(connection, after=after))
        return [row["contact"] for row in rows], max(
            (row["position"] for row in rows), default=after
        )

    def last_position(self) -> int:
        """Return the newest position of the inbox."""
        with self._database.read() as connection:
            return int(self._database.queries.last_position(connection))

    def next(self, contact: str) -> Run | Held | Wait | None:
        """Return what to do for the contact now; sealing a turn is part of it."""
        now = self._clock()
        with self._database.write() as connection:
            row = self._database.queries.open_turn(connection, contact=contact)
            if row is None:
                closes_at = self._seal(connection, contact, now)
                if closes_at is None:
                    return None
                if closes_at > now:
                    return Wait(until=closes_at)
                row = self._database.queries.open_turn(connection, contact=contact)
            elif row["due_at"] > now:
                return Wait(until=self._gather(connection, row, now))
            elif self._may_restart(connection, row):
                return Wait(until=self._join(connection, row, now))
            return self._begin(connection, row, now)

    def has_news(self, turn: Turn) -> bool:
        """Tell whether new messages of the contact may still join this open turn."""
        with self._database.read() as connection:
            row = self._database.queries.open_turn(connection, contact=turn.contact)
            return row is not None and self._may_restart(connection, row)

    def restart(self, turn: Turn) -> bool:
        """Let the contact's new messages join the turn, once their burst is over; or do nothing."""
        with self._database.write() as connection:
            row = self._database.queries.open_turn(connection, contact=turn.contact)
            if row is None or not self._may_restart(connection, row):
                return False
            self._join(connection, row, self._clock())
            return True

    def finish(self, turn: Turn, reply: Reply, parts: Sequence[str]) -> bool:
        """Store the reply's parts and close the turn, unless new messages may still join it.

        Returns False, with the turn re-sealed, when they did: the reply is then out of date.
        """
        now = self._clock()
        with self._database.write() as connection:
            row = self._database.queries.open_turn(connection, contact=turn.contact)
            if row is None or row["id"] != turn.id:
                return True
            if self._may_restart(connection, row):
                self._join(connection, row, now)
                return False
            self._insert_parts(connection, turn, parts, now)
            self._close(connection, turn.id, "done", now, reply=reply)
            return True

    def retry_at(self, turn: Turn, due_at: float, error: str) -> None:
        """Record a failed attempt, to be repeated at `due_at`."""
        with self._database.write() as connection:
            self._database.queries.record_failure(
                connection, turn_id=turn.id, due_at=due_at, error=error
            )

    def fail(self, turn: Turn, error: str, parts: Sequence[str]) -> None:
        """Give the turn up: kept as failed with its error, the apology ready to leave."""
        now = self._clock()
        with self._database.write() as connection:
            if self._close(connection, turn.id, "failed", now, error=error):
                self._insert_parts(connection, turn, parts, now)

    def _begin(self, connection: Any, row: Any, now: float) -> Run | Held:
        messages = tuple(
            turn_message(each)
            for each in self._database.queries.messages_of_turn(connection, turn_id=row["id"])
        )
        asked_at = next(each.received_at for each in messages if each.answer is None)
        if now - asked_at > HELD_SECONDS:
            self._close(connection, row["id"], "held", now, error="older than 24 hours")
            return Held(turn_id=row["id"])
        self._database.queries.begin_attempt(connection, turn_id=row["id"])
        turn = Turn(
            id=row["id"],
            contact=row["contact"],
            channel=row["channel"],
            messages=messages,
            late=now - asked_at > LATE_SECONDS,
        )
        return Run(turn=turn, attempts=row["attempts"] + 1, failures=row["failures"])

    def _seal(self, connection: Any, contact: str, now: float) -> float | None:
        """Seal the contact's first burst if it is over; return when that is, or None if none."""
        queries = self._database.queries
        waiting = list(queries.waiting_messages(connection, contact=contact))
        if not waiting:
            return None
        first = last = waiting[0]
        limit = first["received_at"] + MAX_WINDOWS * self._burst
        for row in waiting[1:]:
            if row["received_at"] > min(last["received_at"] + self._burst, limit):
                break
            last = row
        closes_at = float(min(last["received_at"] + self._burst, limit))
        # A clock that was set back must not make anybody wait for it to catch up.
        closes_at = min(closes_at, now + self._burst)
        if closes_at <= now:
            queries.insert_turn(connection, turn_id=first["id"], contact=contact, now=now)
            queries.take_messages(
                connection, turn_id=first["id"], contact=contact, last_id=last["id"]
            )
        return closes_at

    def _may_restart(self, connection: Any, row: Any) -> bool:
        return row["restarts"] < MAX_RESTARTS and self._has_news(connection, row)

    def _has_news(self, connection: Any, row: Any) -> bool:
        return bool(
            self._database.queries.has_news(
                connection, contact=row["contact"], since=row["sealed_at"]
            )
        )

    def _join(self, connection: Any, row: Any, now: float) -> float:
        due_at = self._take_all(connection, row, now)
        self._database.queries.restart_turn(connection, turn_id=row["id"], due_at=due_at, now=now)
        return due_at

    def _gather(self, connection: Any, row: Any, now: float) -> float:
        """Let the rest of a burst join a turn that already waits to start over."""
        due_at = float(row["due_at"])
        if row["restarts"] == 0 or not self._has_news(connection, row):
            return due_at
        limit = float(row["restarted_at"]) + MAX_WINDOWS * self._burst
        due_at = max(due_at, min(self._take_all(connection, row, now), limit))
        self._database.queries.postpone(connection, turn_id=row["id"], due_at=due_at)
        return due_at

    def _take_all(self, connection: Any, row: Any, now: float) -> float:
        queries = self._database.queries
        waiting = list(queries.waiting_messages(connection, contact=row["contact"]))
        last = waiting[-1]
        queries.take_messages(
            connection, turn_id=row["id"], contact=row["contact"], last_id=last["id"]
        )
        return min(float(last["received_at"]), now) + self._burst

    def _insert_parts(self, connection: Any, turn: Turn, parts: Sequence[str], now: float) -> None:
        for number, body in enumerate(parts):
            self._database.queries.insert_part(
                connection,
                id=f"{turn.id}:{number}",
                turn_id=turn.id,
                contact=turn.contact,
                body=body,
                now=now,
            )

    def _close(
        self,
        connection: Any,
        turn_id: str,
        status: str,
        now: float,
        *,
        reply: Reply | None = None,
        error: str = "",
    ) -> bool:
        told = _told(reply) if reply is not None else _told(Reply(text=""))
        closed = self._database.queries.close_turn(
            connection, turn_id=turn_id, status=status, now=now, error=error, **told
        )
        return bool(closed)


def _told(reply: Reply) -> dict[str, Any]:
    """How a reply came about, as the `turns` row keeps it."""
    used = {source.id for source in reply.sources}
    sources = [
        {
            "document": passage.document,
            "section": passage.section,
            "excerpt": passage.text,
            "score": round(passage.score, 4),
            "used": passage.id in used,
        }
        for passage in reply.passages
    ]
    return {
        "route": json.dumps(reply.route),
        "sources": json.dumps(sources, ensure_ascii=False),
        "model": reply.model,
        "seconds": reply.seconds,
        "usage": json.dumps(dict(reply.usage)),
    }
