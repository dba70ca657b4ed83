"""The durable outbox: parts of replies in order, each recorded before and after it is sent."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from channels.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One message to send; `sending_at` is set when an earlier attempt's end is unknown."""

    id: str
    turn_id: str
    contact: str
    channel: str
    address: str
    body: str
    due_at: float
    created_at: float
    attempts: int
    sending_at: float | None


class Outbox:
    """Keeps what is still to leave; every method is one transaction."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def next(self, contact: str) -> Part | None:
        """Return the contact's first part that has not left."""
        with self._database.read() as connection:
            row = self._database.queries.next_part(connection, contact=contact)
        if row is None:
            return None
        in_doubt = row["status"] == "sending"
        return Part(
            **{key: row[key] for key in ("id", "turn_id", "contact", "channel", "address")},
            **{key: row[key] for key in ("body", "due_at", "created_at", "attempts")},
            sending_at=row["sending_at"] if in_doubt else None,
        )

    def known_ids(self, part: Part) -> set[str]:
        """Return the channel's ids of the contact's latest parts."""
        with self._database.read() as connection:
            rows = self._database.queries.known_ids(connection, contact=part.contact)
            return {row["provider_id"] for row in rows}

    def sending(self, part: Part) -> None:
        """Record that the part is about to be handed over."""
        with self._database.write() as connection:
            self._database.queries.mark_sending(connection, id=part.id, now=self._clock())

    def sent(self, part: Part, provider_id: str) -> None:
        """Record that the channel took the part; it is never sent again."""
        with self._database.write() as connection:
            self._database.queries.mark_sent(
                connection, id=part.id, provider_id=provider_id, now=self._clock()
            )

    def delayed(self, part: Part, due_at: float, error: str, *, in_doubt: bool) -> None:
        """Record a failed attempt, to be repeated at `due_at`; in doubt: looked up first."""
        status = "sending" if in_doubt else "pending"
        with self._database.write() as connection:
            self._database.queries.mark_delayed(
                connection,
                id=part.id,
                status=status,
                due_at=due_at,
                attempts=part.attempts + 1,
                error=error,
            )

    def failed(self, part: Part, error: str) -> None:
        """Give the part up, and with it the rest of its reply."""
        with self._database.write() as connection:
            self._database.queries.mark_failed(connection, turn_id=part.turn_id, error=error)
