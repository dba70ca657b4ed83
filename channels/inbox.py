"""The durable inbox: each accepted message once and for ever, in arrival order."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from agent.keys import Keys
from agent.messages import IncomingMessage, Media, TurnMessage
from channels.identities import Identities
from channels.ledger import Ledger
from channels.standing import Limits, Standing


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is done with a message at the door; by default it waits for a turn."""

    #: What it is answered with at once; empty: it is met with silence.
    answer: str | None = None
    #: Whether the contact asks to be left alone, or comes back.
    consent: Literal["", "withdrawn", "given"] = ""


def _to_be_answered(standing: Standing) -> Verdict:
    return Verdict()


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What became of a delivery."""

    #: Keyed hashes of the message and of its contact.
    id: str
    contact: str
    #: False for a repeated delivery.
    new: bool
    #: What it was answered with at the door when it first came, and when that was.
    answer: str | None
    received_at: float
    #: Whether the contact wants to be left alone.
    opted_out: bool = False
    #: Whether this message ended an answer that was being made.
    ended_turn: bool = False


class Inbox:
    """Stores messages; knows nothing of who answers them."""

    def __init__(
        self,
        database: Ledger,
        keys: Keys,
        clock: Callable[[], float] = time.time,
        limits: Limits | None = None,
    ) -> None:
        self._database = database
        self._queries = database.queries
        self._keys = keys
        self._identities = Identities(database.queries, keys)
        self._clock = clock
        self._limits = limits or Limits()

    def accept(
        self,
        message: IncomingMessage,
        judge: Callable[[Standing], Verdict] = _to_be_answered,
    ) -> Accepted:
        """Store a message once, as `judge` decides; a repeated id changes nothing.

        Durable when it returns. Raises `StorageError` when it could not be stored.
        """
        return self._database.share(self._store, message, judge)

    def _store(self, message: IncomingMessage, judge: Callable[[Standing], Verdict]) -> Accepted:
        message_id = self._keys.message(message.channel, message.message_id)
        with self._database.write() as connection:
            known = self._identities.recognise(connection, message, self._clock())
            contact = known.contact
            # Read again now that the contact is locked: times grow with positions.
            now = self._clock()
            stored = self._queries.stored_answer(connection, id=message_id)
            if stored is not None:
                return Accepted(
                    id=message_id, contact=contact, new=False, opted_out=known.opted_out, **stored
                )
            standing = Standing(
                self._queries,
                connection,
                contact,
                opted_out=known.opted_out,
                now=now,
                limits=self._limits,
            )
            verdict = judge(standing)
            self._queries.insert_message(
                connection,
                id=message_id,
                contact=contact,
                now=now,
                message=self._to_json(message),
                answer=verdict.answer,
            )
            if message.media:
                self._queries.note_files(connection, id=message_id)
            self._queries.note_message(
                connection, contact=contact, address=message.address, now=now
            )
            if verdict.consent == "given":
                self._queries.opt_in(connection, contact=contact)
            ended = verdict.consent == "withdrawn" and self._drop_all(connection, contact, now)
            if ended or verdict.answer is None:
                self._database.announce(connection, contact)
        return Accepted(
            id=message_id,
            contact=contact,
            new=True,
            answer=verdict.answer,
            received_at=now,
            opted_out=(verdict.consent or known.opted_out) in ("withdrawn", True),
            ended_turn=ended,
        )

    def _drop_all(self, connection: Any, contact: str, now: float) -> bool:
        """Leave the contact alone from now on; return whether a turn was open."""
        self._queries.opt_out(connection, contact=contact, now=now)
        self._queries.silence_waiting(connection, contact=contact)
        self._queries.drop_parts(connection, contact=contact)
        return bool(self._queries.drop_turn(connection, contact=contact, now=now))

    def age(self, accepted: Accepted) -> float:
        """Return the seconds since the message first came."""
        return self._clock() - accepted.received_at

    def _to_json(self, message: IncomingMessage) -> str:
        quoted = message.quoted_id
        told = {
            "message_id": message.message_id,
            "kind": message.kind,
            "text": message.text,
            "media": [
                {"url": each.url, "content_type": each.content_type} for each in message.media
            ],
            # The channel's id finds our messages, the hash theirs.
            "quoted": [quoted, self._keys.message(message.channel, quoted)] if quoted else [],
            "referral": message.referral,
        }
        return json.dumps(told, ensure_ascii=False)


def turn_message(row: Any, quoted: str = "") -> TurnMessage:
    """Return an inbox row as a message of its turn; `quoted` are the words it replies to."""
    stored = json.loads(row["message"])
    return TurnMessage(
        id=row["id"],
        kind=stored["kind"],
        text=stored["text"],
        media=tuple(Media(**each) for each in stored["media"]),
        received_at=row["received_at"],
        answer=row["answer"],
        provider_id=stored["message_id"],
        quoted=quoted,
        referral=stored.get("referral", ""),
    )


def quoted_words(queries: Any, connection: Any, contact: str, row: Any) -> str:
    """Return the words of the message that an inbox row replies to, ours or their own."""
    # Rows of earlier versions have no such entry.
    quoted = json.loads(row["message"]).get("quoted")
    if not quoted:
        return ""
    ours = queries.words_of_part(connection, contact=contact, provider_id=quoted[0])
    if ours is not None:
        return str(ours)
    theirs = queries.words_of_message(connection, contact=contact, id=quoted[1])
    return str(json.loads(theirs)["text"]) if theirs else ""
