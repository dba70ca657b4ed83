"""The durable outbox: parts of replies in order, each recorded before and after it is sent."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from channels.due import HELD_SECONDS, seconds_until
from channels.ledger import Ledger

#: A lost answer is looked up only when the channel had the time to list the message.
LOOK_UP_SECONDS = 3.0


#: How a part leaves: as words, or as a recording of them.
Form = Literal["text", "ogg", "mp3"]


@dataclass(frozen=True, slots=True)
class Draft:
    """A message to be sent: its words, and the name of the file that speaks them."""

    body: str
    form: Form = "text"
    media: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One message to send, or one that was sent and did not arrive."""

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
    created_at: float = 0.0
    #: When it was first handed over; None when it never was. Both in Unix seconds.
    sending_at: float | None = None
    #: Whether the end of the last attempt is unknown.
    in_doubt: bool = False
    #: Seconds until it may leave, 0 when it may now.
    wait: float = 0.0
    #: Seconds since the first attempt.
    age: float = 0.0
    #: True when the contact or the reply has been silent for too long for free words.
    too_old: bool = False
    #: The channel took it, and reported later that it did not arrive.
    undelivered: bool = False
    #: The contact has written since it left.
    outdated: bool = False
    #: The contact has asked to be left alone.
    unwanted: bool = False
    #: The error code of that report.
    delivery_error: str = ""


class Outbox:
    """Keeps what is still to leave; every method is one transaction."""

    def __init__(self, database: Ledger, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._queries = database.queries
        self._clock = clock

    def next(self, contact: str) -> Part | None:
        """Return the contact's first part that has not left, or did not arrive."""
        with self._database.read() as connection:
            row = self._queries.next_part(connection, contact=contact)
        if row is None:
            return None
        now = self._clock()
        undelivered = row["status"] == "sent"
        plain = ("id", "turn_id", "contact", "channel", "address", "body", "form", "media")
        return Part(
            **{key: row[key] for key in plain},
            attempts=row["attempts"],
            created_at=row["created_at"],
            sending_at=row["sending_at"],
            in_doubt=row["status"] == "sending",
            wait=0.0 if undelivered else seconds_until(row["due_at"], row["noted_at"], now),
            age=0.0 if row["sending_at"] is None else max(0.0, now - row["sending_at"]),
            too_old=now - min(row["created_at"], row["last_message_at"]) > HELD_SECONDS,
            undelivered=undelivered,
            outdated=row["sent_at"] is not None and row["last_message_at"] > row["sent_at"],
            unwanted=row["opted_out_at"] is not None,
            delivery_error=row["delivery_error"],
        )

    def known_ids(self, part: Part) -> set[str]:
        """Return the channel's ids of the contact's latest parts."""
        with self._database.read() as connection:
            rows = self._queries.known_ids(connection, contact=part.contact)
            return {row["provider_id"] for row in rows}

    def sending(self, part: Part) -> bool:
        """Record that the part is about to be handed over.

        False when it is not to leave any more, or another worker handed it over since.
        """
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

    def closed(self, part: Part, status: Literal["failed", "held"], error: str) -> None:
        """Give the part up, and with it the rest of its reply."""
        with self._database.write() as connection:
            self._queries.mark_closed(
                connection, id=part.id, turn_id=part.turn_id, status=status, error=error
            )

    def unreachable(self, part: Part, code: str, error: str) -> None:
        """Record that the contact cannot be reached, and give up all they would be sent."""
        with self._database.write() as connection:
            self._queries.note_unreachable(connection, contact=part.contact, code=code)
            self._queries.close_all_parts(connection, contact=part.contact, error=error)
            self._queries.mark_closed(
                connection, id=part.id, turn_id=part.turn_id, status="failed", error=error
            )

    def replace(
        self,
        part: Part,
        drafts: Sequence[Draft],
        seconds: float,
        error: str,
        attempts: int,
        whole: bool = False,
    ) -> None:
        """Send other messages instead of a part, in some seconds, the rest of its reply after them.

        With `whole` they stand for that rest as well. They begin with the attempts that the part
        came to, so that nothing is sent over and over. Nothing is sent to a contact who has asked
        to be left alone since.
        """
        with self._database.write(part.contact) as connection:
            contact = self._queries.contact(connection, contact=part.contact)
            dropped = self._queries.part_status(connection, id=part.id) == "dropped"
            if dropped or contact["opted_out_at"] is not None:
                self._end(connection, part.id, "dropped", error)
                return
            now = self._clock()
            rest = self._queries.rest_of_reply(connection, id=part.id, turn_id=part.turn_id)
            waiting = list(rest)
            self._end(connection, part.id, "replaced", error)
            for number, draft in enumerate(drafts):
                self._insert(
                    connection,
                    part,
                    {
                        "id": f"{part.id}.{number}",
                        "body": draft.body,
                        "form": draft.form,
                        "media": draft.media,
                        "attempts": attempts,
                        "sending_at": part.sending_at or now,
                        "created_at": part.created_at,
                        "due_at": now + seconds,
                    },
                    now,
                )
            # A new row stands at the end of all: what waited behind the part goes there too.
            for row in waiting:
                self._end(connection, row["id"], "replaced", error)
                if not whole:
                    self._insert(connection, part, {**row, "id": f"{row['id']}.0"}, now)

    def _end(self, connection: Any, part_id: str, status: str, error: str) -> None:
        self._queries.mark_ended(connection, id=part_id, status=status, error=error)

    def _insert(self, connection: Any, part: Part, columns: Mapping[str, Any], now: float) -> None:
        self._queries.insert_part(
            connection, turn_id=part.turn_id, contact=part.contact, now=now, **columns
        )
