"""`clone contacts`: who writes to the clone, and who should be written to by its owner."""

import json
import logging
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from commands.failure import Failure
from commands.records import open_records
from commands.wording import counted, explained, moment

if TYPE_CHECKING:
    from agent.settings import Settings
    from commands.application import Application

_MINUTE, _DAY = 60.0, 86_400.0
#: Enough of a contact's hash to tell a few thousand of them apart.
_PREFIX = 12


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody who wrote to the clone; times are Unix seconds."""

    contact: str
    channel: str
    address: str
    first_message_at: float
    last_message_at: float
    opted_out_at: float | None
    #: Twilio's code for why it cannot reach them, empty where it can.
    unreachable: str
    #: When they last asked for the person themselves.
    asked_at: float | None
    #: Whether the flood guard lets them wait now.
    limited: bool

    def states(self) -> list[str]:
        """Return what the owner should know of them, the most urgent first."""
        states = []
        if self.asked_at is not None:
            states.append(f"asked for you {moment(self.asked_at)}")
        if self.opted_out_at is not None:
            states.append(f"opted out {moment(self.opted_out_at)}")
        if self.unreachable:
            states.append(f"cannot be reached: {explained(self.unreachable)}")
        if self.limited:
            states.append("limited now")
        return states


@click.command(short_help="Show who writes, who asked for you, who opted out.")
@click.option("--waiting", is_flag=True, help="Only those who asked for you, the latest first.")
@click.option("--turn", "turn_id", metavar="ID", help="Only the contact whom an alert is about.")
@click.option("--hide", is_flag=True, help="Show a piece of the hash that the log has, no number.")
@click.option("--json", "as_json", is_flag=True, help="Print the contacts as JSON.")
@click.pass_obj
def contacts(
    app: "Application", waiting: bool, turn_id: str | None, hide: bool, as_json: bool
) -> None:
    """Show everybody who writes to the clone, whoever wrote last first.

    Whether they asked for you, opted out, cannot be reached (and why), or are limited for now
    because they write too much. ID is the `id` that CLONE_ALERT_URL is told, or that stands in the
    log. Times are in UTC. Nothing is changed.

    \b
    clone contacts --waiting
    clone contacts --turn 0f3c5a…
    clone contacts --json --hide | jq '.[] | select(.opted_out_at)'
    """  # noqa: D301
    app.log_to(logging.CRITICAL, sys.stderr)
    found = _found(app, turn_id)
    if waiting:
        found = [each for each in found if each.asked_at is not None]
        found.sort(key=lambda each: each.asked_at or 0, reverse=True)
    if as_json:
        told = [_told(each, hide) for each in found]
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    elif found:
        _show(found, hide)
    else:
        click.echo("Nobody asked for you." if waiting else "Nobody has written yet.")


def _found(app: "Application", turn_id: str | None) -> list[Contact]:
    queries, now = app.database.queries, time.time()
    rows: list[Any] = []
    wanted = None
    with open_records(app) as records:
        if records is not None:
            since = {"minute_ago": now - _MINUTE, "day_ago": now - _DAY, "now": now}
            rows = list(queries.known_contacts(records, **since))
            # A part's id is its turn's with a number.
            turn = (turn_id or "").partition(":")[0]
            wanted = queries.contact_of_turn(records, turn_id=turn)
    if turn_id is None:
        return [_contact(row, app.settings) for row in rows]
    if wanted is None:
        raise Failure(f"there is no turn {turn_id} here; give the `id` of an alert or a log line")
    return [_contact(row, app.settings) for row in rows if row["contact"] == wanted]


def _contact(row: Any, settings: "Settings") -> Contact:
    kept = dict(row)
    in_minute, in_day = kept.pop("answers_in_minute"), kept.pop("answers_in_day")
    limited = in_minute >= settings.turns_per_minute or in_day >= settings.turns_per_day
    return Contact(**kept, limited=limited)


def _show(found: list[Contact], hide: bool) -> None:
    names = [_name(each, hide) for each in found]
    width = max(len("CONTACT"), *map(len, names))
    click.echo(f"{'CONTACT':<{width}}  {'FIRST MESSAGE':<16}  {'LAST MESSAGE':<16}  STATE")
    for each, name in zip(found, names, strict=True):
        times = f"{moment(each.first_message_at)}  {moment(each.last_message_at)}"
        click.echo(f"{name:<{width}}  {times}  {'; '.join(each.states())}".rstrip())
    click.echo(f"\n{counted(len(found), 'contact')}; times are in UTC.", err=True)


def _name(each: Contact, hide: bool) -> str:
    return each.contact[:_PREFIX] if hide else each.address


def _told(each: Contact, hide: bool) -> dict[str, object]:
    return {
        "contact": _name(each, hide),
        "channel": each.channel,
        "first_message_at": _iso(each.first_message_at),
        "last_message_at": _iso(each.last_message_at),
        "asked_for_person_at": _iso(each.asked_at),
        "opted_out_at": _iso(each.opted_out_at),
        "unreachable": each.unreachable or None,
        "limited": each.limited,
        "state": each.states(),
    }


def _iso(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
