"""What a contact and the clone said to each other, as the simulator shows it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from agent.errors import PermanentError, VendorError
from agent.keys import Keys
from agent.messages import IncomingMessage, Media, TurnMessage
from channels.formatting import whatsapp_text
from channels.ledger import Ledger
from channels.outbox import Part
from channels.reception import Reception
from channels.simulator import CHANNEL, RECORDINGS, Bubble
from channels.trace import trace_of
from channels.uploads import name_of

#: How much of a conversation the page shows.
_MOST = 200
#: Versions are times in ten-thousandths of a second, which stay exact in JavaScript.
_TICKS = 10_000
#: A commit may come this much later than the time it carries; such news is told twice.
_OVERLAP = 2 * _TICKS


class StoredConversation:
    """The simulator's view of inbox, turns and outbox."""

    def __init__(self, database: Ledger, keys: Keys, reception: Reception) -> None:
        self._database = database
        self._keys = keys
        self._reception = reception

    def receive(self, message: IncomingMessage) -> str | None:
        """Take a message in like any other channel's."""
        return self._reception.receive(message)

    def timeline(self, contact_id: str, after: int) -> Sequence[Bubble]:
        """Return the bubbles that changed since version `after`, in order of time."""
        contact = self._keys.contact(CHANNEL, contact_id)
        queries = self._database.queries
        with self._database.read() as connection:
            messages = list(queries.recent_messages(connection, contact=contact, limit=_MOST))
            parts = list(queries.recent_parts(connection, contact=contact, limit=_MOST))
        bubbles = [_mine(row) for row in messages]
        bubbles += [_shortcut(row) for row in messages if row["answer"]]
        bubbles += [_part(row) for row in parts if row["status"] == "sent"]
        news = [bubble for bubble in bubbles if after == 0 or bubble.version > after - _OVERLAP]
        return sorted(news, key=lambda bubble: bubble.at)

    def is_typing(self, contact_id: str) -> bool:
        """Tell whether an answer is on its way."""
        contact = self._keys.contact(CHANNEL, contact_id)
        queries = self._database.queries
        with self._database.read() as connection:
            return (
                queries.open_turn(connection, contact=contact) is not None
                or queries.next_part(connection, contact=contact) is not None
                or bool(queries.has_news(connection, contact=contact, after=0))
            )

    def trace(self, contact_id: str, turn_id: str) -> Mapping[str, object] | None:
        """Return what happened in a finished turn of this contact, or None."""
        contact = self._keys.contact(CHANNEL, contact_id)
        with self._database.read() as connection:
            row = self._database.queries.turn_trace(connection, turn_id=turn_id, contact=contact)
        if row is None or row["status"] == "open":
            return None
        return trace_of(row)


class SimulatorSender:
    """The `Sender` of the simulator: what the outbox records as sent, the page shows."""

    def parts(self, text: str) -> Sequence[str]:
        """Leave a reply whole, for the page has room, as WhatsApp would show it."""
        return [whatsapp_text(text)]

    def smaller(self, body: str) -> Sequence[str]:
        """Nothing is too long here."""
        return [body]

    def undelivered(self, part: Part) -> VendorError:
        """Nothing is reported here."""
        return PermanentError("nothing is reported of the simulator")

    async def send(self, part: Part) -> str:
        """Nothing travels: the page reads the outbox."""
        return part.id

    async def find(self, part: Part, known: object) -> str | None:
        """A part whose sending was cut has not been recorded, so it was not shown."""
        return None

    async def typing(self, message: TurnMessage) -> None:
        """The page sees an open turn as typing."""

    async def close(self) -> None:
        """Nothing is open."""


def _mine(row: Any) -> Bubble:
    status: Literal["stored", "read", "answered"] = "stored"
    at = changed = row["received_at"]
    if row["answer"] is not None:
        status = "answered"
    elif row["status"] == "open":
        status, changed = "read", row["sealed_at"]
    elif row["status"] is not None:
        status, changed = "answered", row["finished_at"]
    message = json.loads(row["message"])
    return Bubble(
        # The page's own id, by which it finds the bubble it has shown already.
        id=message["message_id"],
        side="me",
        text=message["text"],
        audio=_recording_of(message),
        at=at,
        status=status,
        turn_id=row["turn_id"] or "",
        version=_version(max(at, changed)),
    )


def _shortcut(row: Any) -> Bubble:
    return Bubble(
        id=f"{json.loads(row['message'])['message_id']}:shortcut",
        side="clone",
        text=row["answer"],
        # After the message it answers, whatever the order of equal times.
        at=row["received_at"] + 0.001,
        status="sent",
        version=_version(row["received_at"]),
    )


def _part(row: Any) -> Bubble:
    return Bubble(
        id=row["id"],
        side="clone",
        text=row["body"],
        audio="" if row["form"] == "text" else f"/media/{row['media']}",
        at=row["sent_at"],
        status="sent",
        turn_id=row["turn_id"],
        version=_version(row["sent_at"]),
    )


def _recording_of(message: Mapping[str, Any]) -> str:
    names = (name_of(Media(**each)) for each in message["media"])
    return next((f"{RECORDINGS}/{name}" for name in names if name), "")


def _version(at: float) -> int:
    return int(at * _TICKS)
