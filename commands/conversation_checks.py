"""What `clone doctor` looks at in the conversations: replies that failed, people who wait."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from commands.finding import Finding, doubtful, fine
from commands.wording import counted, explained, moment, shortened, some

#: A message that waits longer than this is not merely in its turn.
_PATIENCE = timedelta(minutes=5)
#: Whoever asked for the owner is told of for so long: nothing tells when they were called back.
_RECENT = timedelta(days=7)


def check_replies(records: Any, queries: Any, now: datetime) -> Iterator[Finding]:
    """Tell what was not answered or did not arrive, and why."""
    turns = list(queries.troubled_turns(records))
    parts = list(queries.troubled_parts(records))
    waiting = queries.waiting_since(records)
    late = "waited for more than a day"
    closed = "held back: free words may be sent within 24 hours of the contact's last message only"
    log = "the log says more: "
    findings = [
        *_lost(turns, "failed", "could not be answered", log + "turn_failed"),
        *_lost(turns, "held", late, "answer these people yourself"),
        *_lost(parts, "failed", "could not be sent", log + "part_failed"),
        *_lost(parts, "held", closed, "write to these people yourself, or wait until they write"),
        *_late(waiting, now),
    ]
    yield from findings or [fine("replies", "Every message was answered.")]


def check_contacts(records: Any, queries: Any, now: datetime, alerted: bool) -> Iterator[Finding]:
    """Tell who asked for the owner and who cannot be reached; never a number.

    `alerted` tells whether the owner is told at once when somebody asks for them.
    """
    known = queries.contacts_in_sum(records)
    if not known["known"]:
        return
    asked = queries.asked_for_person(records, since=(now - _RECENT).timestamp())
    away = list(queries.unreachable_contacts(records))
    told = f"{counted(known['known'], 'contact')}, {known['opted_out']} opted out."
    yield fine("contacts", told)
    if asked["contacts"]:
        told = f"{counted(asked['contacts'], 'contact')} asked for you in the last 7 days"
        remedy = "`clone contacts --waiting` shows whom to call"
        if not alerted:
            remedy += "; set CLONE_ALERT_URL to be told at once"
        yield doubtful("contacts", f"{told}, the last at {moment(asked['latest'])} UTC.", remedy)
    if away:
        number = sum(row["contacts"] for row in away)
        reasons = [f"{row['contacts']} × {explained(row['code'])}" for row in away]
        told = f"{counted(number, 'contact')} cannot be reached: {some(reasons)}."
        remedy = "`clone contacts` shows whom; whoever writes again is answered again"
        yield doubtful("contacts", told, remedy)


def _lost(rows: Sequence[Any], status: str, what: str, remedy: str) -> Iterator[Finding]:
    rows = [row for row in rows if row["status"] == status]
    if not rows:
        return
    count, noun = ("turns", "turn") if "turns" in rows[0] else ("parts", "message part")
    number = sum(row[count] for row in rows)
    latest = moment(max(row["latest"] for row in rows))
    told = f"{counted(number, noun)} {what}, the last at {latest} UTC"
    reasons = [f"{row[count]} × {shortened(row['error'])}" for row in rows]
    yield doubtful("replies", f"{told}: {some(reasons)}.", remedy)


def _late(waiting: Any, now: datetime) -> Iterator[Finding]:
    if waiting["messages"] and now.timestamp() - waiting["oldest"] > _PATIENCE.total_seconds():
        told = f"{counted(waiting['messages'], 'message')} waiting, since"
        told = f"{told} {moment(waiting['oldest'])} UTC."
        yield doubtful("replies", told, "start `clone serve`: it resumes them")
