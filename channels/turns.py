"""Turns as the database keeps them: sealed, started over, retried, finished, failed or held."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from agent.messages import Reply, Turn
from channels.bursts import Bursts
from channels.due import HELD_SECONDS, seconds_until
from channels.inbox import turn_message
from channels.ledger import Ledger

LATE_SECONDS = 15 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Nothing to do for the contact for so many seconds, unless news comes."""

    seconds: float


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
        self, database: Ledger, burst_seconds: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._queries = database.queries
        self._bursts = Bursts(database.queries, burst_seconds)
        self._clock = clock

    def contacts_with_work(self) -> list[str]:
        """Return the contacts with a message, a turn or a part of a reply still to deal with."""
        with self._database.read() as connection:
            return [row["contact"] for row in self._queries.contacts_with_work(connection)]

    def any_owed(self) -> bool:
        """Tell whether anybody is still owed something."""
        with self._database.read() as connection:
            return bool(self._queries.any_owed(connection))

    def contacts_with_news(self, after: int) -> tuple[list[str], int]:
        """Return the contacts with messages stored after a position, and the newest position.

        Positions grow in the order of commits: writers take turns, so none appears late.
        """
        with self._database.read() as connection:
            rows = list(self._queries.contacts_with_news(connection, after=after))
        newest = max((row["position"] for row in rows), default=after)
        return [row["contact"] for row in rows], newest

    def last_position(self) -> int:
        """Return the newest position of the inbox."""
        with self._database.read() as connection:
            return int(self._queries.last_position(connection))

    def next(self, contact: str) -> Run | Held | Wait | None:
        """Return what to do for the contact now; sealing a turn is part of it."""
        # Most looks find a burst that is not over yet: they need no lock. That nothing waits is
        # known under the lock only: a message may be stored that counts on this look to see it.
        with self._database.read() as connection:
            if self._queries.open_turn(connection, contact=contact) is None:
                seconds = self._bursts.left(connection, contact, self._clock())
                if seconds is not None and seconds > 0.0:
                    return Wait(seconds=seconds)
        with self._database.write(contact) as connection:
            # Read under the lock: no message that this transaction sees came later.
            now = self._clock()
            row = self._queries.open_turn(connection, contact=contact)
            if row is None:
                seconds = self._bursts.seal(connection, contact, now)
                if seconds is None:
                    return None
                if seconds > 0.0:
                    return Wait(seconds=seconds)
                row = self._queries.open_turn(connection, contact=contact)
            # Before anything joins: fresh words must not be put aside with the old ones.
            if now - row["asked_at"] > HELD_SECONDS:
                self._close(connection, row["id"], "held", now, error="older than 24 hours")
                return Held(turn_id=row["id"])
            if seconds_until(row["due_at"], row["noted_at"], now) > 0.0:
                return Wait(seconds=self._bursts.gather(connection, row, now))
            if self._bursts.may_join(connection, row):
                return Wait(seconds=self._bursts.join(connection, row, now))
            return self._begin(connection, row, now)

    def restart(self, turn: Turn) -> bool:
        """Let the contact's new messages join the turn, once their burst is over; or do nothing."""
        with self._database.write(turn.contact) as connection:
            return self._rejoin(connection, turn)

    def finish(self, turn: Turn, reply: Reply, parts: Sequence[str]) -> bool:
        """Store the reply's parts and close the turn, unless new messages may still join it.

        Returns False when they did, or when the turn is open no more: the reply is out of date.
        """
        with self._database.write(turn.contact) as connection:
            if self._rejoin(connection, turn):
                return False
            now = self._clock()
            if not self._close(connection, turn.id, "done", now, reply=reply):
                return False
            self._insert_parts(connection, turn, parts, now)
            return True

    def retry(self, turn: Turn, seconds: float, error: str) -> None:
        """Record a failed attempt, to be repeated after some seconds."""
        with self._database.write(turn.contact) as connection:
            now = self._clock()
            self._queries.record_failure(
                connection, turn_id=turn.id, due_at=now + seconds, now=now, error=error
            )

    def fail(self, turn: Turn, error: str, parts: Sequence[str]) -> None:
        """Give the turn up: kept as failed with its error, the apology ready to leave."""
        with self._database.write(turn.contact) as connection:
            now = self._clock()
            if self._close(connection, turn.id, "failed", now, error=error):
                self._insert_parts(connection, turn, parts, now)

    def _begin(self, connection: Any, row: Any, now: float) -> Run:
        self._queries.begin_attempt(connection, turn_id=row["id"])
        stored = self._queries.messages_of_turn(connection, turn_id=row["id"])
        turn = Turn(
            id=row["id"],
            contact=row["contact"],
            channel=row["channel"],
            messages=tuple(turn_message(each) for each in stored),
            late=now - row["asked_at"] > LATE_SECONDS,
        )
        return Run(turn=turn, attempts=row["attempts"] + 1, failures=row["failures"])

    def _rejoin(self, connection: Any, turn: Turn) -> bool:
        row = self._queries.open_turn(connection, contact=turn.contact)
        if row is None or row["id"] != turn.id or not self._bursts.may_join(connection, row):
            return False
        self._bursts.join(connection, row, self._clock())
        return True

    def _insert_parts(self, connection: Any, turn: Turn, parts: Sequence[str], now: float) -> None:
        for number, body in enumerate(parts):
            self._queries.insert_part(
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
        told = _told(reply or Reply(text=""))
        return bool(
            self._queries.close_turn(
                connection, turn_id=turn_id, status=status, now=now, error=error, **told
            )
        )


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
