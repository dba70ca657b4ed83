"""Where a contact stands: whether they may be answered now, and what they were last told."""

from dataclasses import dataclass
from typing import Any

from agent.settings import Settings

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many answers one contact is given; a burst of messages gets one answer."""

    per_minute: int = 20
    per_day: int = 200

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """Return what the owner set."""
        return cls(per_minute=settings.turns_per_minute, per_day=settings.turns_per_day)

    def reached(
        self, queries: Any, connection: Any, contact: str, now: float, turn_id: str = ""
    ) -> bool:
        """Tell whether the contact had their share; `turn_id` is the answer in question.

        Only answers count, not what was refused, so that a share is there again as soon as the
        window has passed. Those of a future that a clock showed by mistake do not.
        """
        return any(
            queries.answers_since(
                connection, contact=contact, since=now - window, now=now, turn_id=turn_id
            )
            >= most
            for window, most in ((_MINUTE, self.per_minute), (_DAY, self.per_day))
        )


def is_recent(moment: float | None, now: float, seconds: float = _DAY) -> bool:
    """Tell whether something happened in the last `seconds`; what lies ahead did not."""
    return moment is not None and 0.0 <= now - moment < seconds


class Standing:
    """One contact within one transaction; everything is looked up only when asked for."""

    def __init__(
        self,
        queries: Any,
        connection: Any,
        contact: str,
        *,
        opted_out: bool,
        now: float,
        limits: Limits,
    ) -> None:
        self._queries = queries
        self._connection = connection
        self._contact = contact
        self._now = now
        self._limits = limits
        #: Whether they asked to be left alone.
        self.opted_out = opted_out

    def is_limited(self) -> bool:
        """Tell whether they had their share of answers for now."""
        return self._limits.reached(self._queries, self._connection, self._contact, self._now)

    def last_said(self) -> str:
        """Return what they were told last, by a reply or at the door, or nothing."""
        reply = list(self._queries.last_reply(self._connection, contact=self._contact))
        answer = self._queries.last_answer(self._connection, contact=self._contact)
        if answer and (not reply or answer["received_at"] >= reply[-1]["sent_at"]):
            return str(answer["answer"])
        return "\n\n".join(part["body"] for part in reply)

    def was_lately_told(self, answer: str) -> bool:
        """Tell whether they got just this answer at the door within the last hour."""
        return bool(
            self._queries.was_answered_since(
                self._connection, contact=self._contact, answer=answer, since=self._now - _HOUR
            )
        )
