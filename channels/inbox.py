"""The durable inbox: each accepted message once and for ever, in arrival order."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent.keys import Keys
from agent.messages import IncomingMessage, Media, TurnMessage
from channels.ledger import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What became of a delivery."""

    #: Keyed hashes of the message and of its contact.
    id: str
    contact: str
    #: False for a repeated delivery.
    new: bool
    #: What a shortcut answered to this message when it first came, and when that was.
    answer: str | None
    received_at: float


class Inbox:
    """Stores messages; knows nothing of who answers them."""

    def __init__(
        self, database: Ledger, keys: Keys, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._keys = keys
        self._clock = clock

    def accept(self, message: IncomingMessage, answer: str | None = None) -> Accepted:
        """Store a message, answered already when a shortcut did; a repeated id changes nothing.

        Durable when it returns. Raises `StorageError` when it could not be stored.
        """
        return self._database.share(self._store, message, answer)

    def _store(self, message: IncomingMessage, answer: str | None) -> Accepted:
        contact = self._keys.contact(message.channel, message.contact_id)
        message_id = self._keys.message(message.channel, message.message_id)
        queries = self._database.queries
        with self._database.write() as connection:
            queries.remember_contact(
                connection,
                contact=contact,
                channel=message.channel,
                address=message.address,
                now=self._clock(),
            )
            # Read again now that the contact is locked: times grow with positions.
            now = self._clock()
            inserted = queries.insert_message(
                connection,
                id=message_id,
                contact=contact,
                now=now,
                message=_to_json(message),
                answer=answer,
            )
            if inserted:
                queries.note_message(connection, contact=contact, address=message.address, now=now)
                if answer is None:
                    self._database.announce(connection, contact)
                return Accepted(
                    id=message_id, contact=contact, new=True, answer=answer, received_at=now
                )
            stored = queries.stored_answer(connection, id=message_id)
        return Accepted(
            id=message_id,
            contact=contact,
            new=False,
            answer=stored["answer"],
            received_at=stored["received_at"],
        )

    def age(self, accepted: Accepted) -> float:
        """Return the seconds since the message first came."""
        return self._clock() - accepted.received_at


def turn_message(row: Any) -> TurnMessage:
    """Return an inbox row as a message of its turn."""
    stored = json.loads(row["message"])
    return TurnMessage(
        id=row["id"],
        kind=stored["kind"],
        text=stored["text"],
        media=tuple(Media(**each) for each in stored["media"]),
        received_at=row["received_at"],
        answer=row["answer"],
        provider_id=stored["message_id"],
    )


def _to_json(message: IncomingMessage) -> str:
    return json.dumps(
        {
            "message_id": message.message_id,
            "kind": message.kind,
            "text": message.text,
            "media": [
                {"url": each.url, "content_type": each.content_type} for each in message.media
            ],
        },
        ensure_ascii=False,
    )
