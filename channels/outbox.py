"""The durable outbox: parts of replies in order, each recorded before and after it is sent."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from channels.due import HELD_SECONDS, seconds_until
from channels.ledger import Ledger

#: A lost answer is looked up only when the channel had the time to list the message.
LOOK_UP_SECONDS = 3.0


#: How a part leaves: as words, or as a recording of them.
Form = Literal["text", "ogg", "mp3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message to be sent: its words, and the name of the file that speaks them."""

    body: str
    form: Form = "text"
    media: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One message to send."""

    id: str
    turn_id: str
    contact: str
    channel: str
    address: str
    body: str
    form: Form = "text"
    media: str = ""
    #: Attempts begun so far.
    attempts: int
    #: When it was first handed over, if the end of that is unknown; Unix seconds.
    sending_at: float | None
    #: Seconds until it may leave, 0 when it may now.
    wait: float = 0.0
    #: True when its reply has become too old to be sent.
    too_old: bool = False


class Outbox:
    """Keeps what is still to leave; every method is one transaction."""

    def __init__(self, database: Ledger, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._queries = database.queries
        self._clock = clock

    def next(self, contact: str) -> Part | None:
        """Return the contact's first part that has not left."""
        with self._database.read() as connection:
            row = self._queries.next_part(connection, contact=contact)
        if row is None:
            return None
        now = self._clock()
        return Part(
            **{key: row[key] for key in ("id", "turn_id", "contact", "channel", "address")},
            body=row["body"],
            attempts=row["attempts"],
            sending_at=row["sending_at"] if row["status"] == "sending" else None,
            wait=seconds_until(row["due_at"], row["noted_at"], now),
            too_old=now - row["created_at"] > HELD_SECONDS,
        )

    def known_ids(self, part: Part) -> set[str]:
        """Return the channel's ids of the contact's latest parts."""
        with self._database.read() as connection:
            rows = self._queries.known_ids(connection, contact=part.contact)
            return {row["provider_id"] for row in rows}

    def sending(self, part: Part) -> bool:
        """Record that the part is about to be handed over; False if another worker did so since."""
        with self._database.write() as connection:
            now = self._clock()
            marked = self._queries.mark_sending(
                connection,
                id=part.id,
                attempts=part.attempts,
                now=now,
                due_at=now + LOOK_UP_SECONDS,
            )
            return bool(marked)

    def sent(self, part: Part, provider_id: str) -> None:
        """Record that the channel took the part; it is never sent again."""
        with self._database.write() as connection:
            self._queries.mark_sent(
                connection, id=part.id, provider_id=provider_id, now=self._clock()
            )

    def delayed(
        self, part: Part, seconds: float, error: str, in_doubt: bool, attempts: int
    ) -> None:
        """Put a part off after so many attempts in all; in doubt: to be looked up first."""
        with self._database.write() as connection:
            now = self._clock()
            self._queries.mark_delayed(
                connection,
                id=part.id,
                status="sending" if in_doubt else "pending",
                due_at=now + (max(seconds, LOOK_UP_SECONDS) if in_doubt else seconds),
                now=now,
                attempts=attempts,
                error=error,
            )

    def failed(self, part: Part, error: str) -> None:
        """Give the part up, and with it the rest of its reply."""
        with self._database.write() as connection:
            self._queries.mark_failed(connection, turn_id=part.turn_id, error=error)
