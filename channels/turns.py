"""Turns as the database keeps them: sealed, started over, retried, finished, failed or held."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from agent.messages import Reply, Turn
from channels.bursts import Bursts
from channels.due import HELD_SECONDS, seconds_until
from channels.inbox import quoted_words, turn_message
from channels.ledger import Ledger
from channels.outbox import Draft
from channels.standing import Limits, is_recent
from channels.steps import Held, Refuse, Run, Wait
from channels.trace import trace_columns

LATE_SECONDS = 15 * 60
_APOLOGY_SECONDS = 10 * 60.0


class Turns:
    """Decides what a contact's next turn is; every method is one transaction."""

    def __init__(
        self,
        database: Ledger,
        burst_seconds: float,
        clock: Callable[[], float] = time.time,
        limits: Limits | None = None,
    ) -> None:
        self._database = database
        self._queries = database.queries
        self._bursts = Bursts(database.queries, burst_seconds)
        self._clock = clock
        self._limits = limits or Limits()

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
        newest = max(newest, after)  # reports have no position
        return [row["contact"] for row in rows], newest

    def last_position(self) -> int:
        """Return the newest position of the inbox."""
        with self._database.read() as connection:
            return int(self._queries.last_position(connection))

    def next(self, contact: str) -> Run | Refuse | Held | Wait | None:
        """Return what to do for the contact now; sealing a turn is part of it."""
        # Most looks find a burst that is not over yet: they need no lock. That nothing waits is
        # known under the lock only: a message may be stored that counts on this look to see it.
        with self._database.read() as connection:
            if wait := self._wait(connection, contact):
                return wait
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

    def _wait(self, connection: Any, contact: str) -> Wait | None:
        """Return the rest of a burst that is not over, with whom to show that it was seen."""
        if self._queries.open_turn(connection, contact=contact) is not None:
            return None
        now = self._clock()
        left = self._bursts.left(connection, contact, now)
        if left is None or left[0] <= 0.0:
            return None
        # Who is not going to be answered is not made to wait for it.
        if self._limits.reached(self._queries, connection, contact, now):
            return Wait(seconds=left[0])
        channel = self._queries.contact(connection, contact=contact)["channel"]
        return Wait(seconds=left[0], message=turn_message(left[1]), channel=channel)

    def restart(self, turn: Turn) -> bool:
        """Let the contact's new messages join the turn, once their burst is over.

        Returns whether the turn as it stands need not be answered: they did, or it was dropped.
        """
        with self._database.write(turn.contact) as connection:
            return self._is_over(connection, turn) or self._rejoin(connection, turn)

    def finish(self, turn: Turn, reply: Reply, drafts: Sequence[Draft]) -> bool:
        """Store the reply's parts and close the turn, unless new messages may still join it.

        Returns False when they did, or when the turn is open no more: the reply is out of date.
        """
        with self._database.write(turn.contact) as connection:
            if self._rejoin(connection, turn):
                return False
            now = self._clock()
            if not self._close(connection, turn.id, "done", now, reply=reply):
                return False
            if reply.voice_preference:
                self._queries.note_voice_preference(
                    connection, contact=turn.contact, preference=reply.voice_preference
                )
            self._insert_parts(connection, turn, drafts, now)
            return True

    def refuse(self, turn: Turn, drafts: Sequence[Draft]) -> None:
        """Close a turn that is one too many, with the words about it if any are due."""
        with self._database.write(turn.contact) as connection:
            now = self._clock()
            if self._close(connection, turn.id, "refused", now, error="too many turns") and drafts:
                self._queries.note_later(connection, contact=turn.contact, now=now)
                self._insert_parts(connection, turn, drafts, now)

    def hand_overs_untold(self) -> list[str]:
        """Return the turns of the last day in which somebody asked for the person, untold."""
        with self._database.read() as connection:
            since = self._clock() - HELD_SECONDS
            rows = self._queries.hand_overs_untold(connection, since=since)
            return [row["id"] for row in rows]

    def hand_over_told(self, turn_id: str) -> None:
        """Record that the operator knows."""
        with self._database.write() as connection:
            self._queries.note_hand_over_told(connection, turn_id=turn_id, now=self._clock())

    def retry(self, turn: Turn, seconds: float, error: str) -> None:
        """Record a failed attempt, to be repeated after some seconds."""
        with self._database.write(turn.contact) as connection:
            now = self._clock()
            self._queries.record_failure(
                connection, turn_id=turn.id, due_at=now + seconds, now=now, error=error
            )

    def fail(self, turn: Turn, error: str, drafts: Sequence[Draft]) -> None:
        """Give the turn up: kept as failed with its error, the apology ready to leave.

        What fails turn after turn is apologised for once in ten minutes.
        """
        with self._database.write(turn.contact) as connection:
            now = self._clock()
            if not self._close(connection, turn.id, "failed", now, error=error):
                return
            contact = self._queries.contact(connection, contact=turn.contact)
            if not is_recent(contact["apologised_at"], now, _APOLOGY_SECONDS):
                self._queries.note_apology(connection, contact=turn.contact, now=now)
                self._insert_parts(connection, turn, drafts, now)

    def _begin(self, connection: Any, row: Any, now: float) -> Run | Refuse:
        contact = self._queries.contact(connection, contact=row["contact"])
        stored = list(self._queries.messages_of_turn(connection, turn_id=row["id"]))
        turn = Turn(
            id=row["id"],
            contact=row["contact"],
            channel=row["channel"],
            messages=tuple(
                turn_message(each, quoted_words(self._queries, connection, row["contact"], each))
                for each in stored
            ),
            late=now - row["asked_at"] > LATE_SECONDS,
            introduced=self._was_told(connection, row["contact"], aloud=False),
            voice_introduced=self._was_told(connection, row["contact"], aloud=True),
            voice_preference=contact["voice_preference"],
        )
        # Judged once: what has begun is finished.
        if row["attempts"] == 0 and self._limits.reached(
            self._queries, connection, turn.contact, now, turn.id
        ):
            return Refuse(turn=turn, told=is_recent(contact["told_later_at"], now))
        self._queries.begin_attempt(connection, turn_id=row["id"])
        return Run(turn=turn, attempts=row["attempts"] + 1, failures=row["failures"])

    def _was_told(self, connection: Any, contact: str, *, aloud: bool) -> bool:
        return bool(self._queries.was_told(connection, contact=contact, aloud=aloud))

    def _is_over(self, connection: Any, turn: Turn) -> bool:
        row = self._queries.open_turn(connection, contact=turn.contact)
        return row is None or row["id"] != turn.id

    def _rejoin(self, connection: Any, turn: Turn) -> bool:
        row = self._queries.open_turn(connection, contact=turn.contact)
        if row is None or row["id"] != turn.id or not self._bursts.may_join(connection, row):
            return False
        self._bursts.join(connection, row, self._clock())
        return True

    def _insert_parts(
        self, connection: Any, turn: Turn, drafts: Sequence[Draft], now: float
    ) -> None:
        for number, draft in enumerate(drafts):
            self._queries.insert_part(
                connection,
                id=f"{turn.id}:{number}",
                turn_id=turn.id,
                contact=turn.contact,
                body=draft.body,
                form=draft.form,
                media=draft.media,
                attempts=0,
                sending_at=None,
                created_at=now,
                due_at=now,
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
        trace = trace_columns(reply or Reply(text=""))
        return bool(
            self._queries.close_turn(
                connection, turn_id=turn_id, status=status, now=now, error=error, **trace
            )
        )
