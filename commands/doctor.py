"""`clone doctor`: what is missing or wrong, and what to do about it."""

import dataclasses
import json
import logging
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from agent.errors import CloneError, SettingsError
from commands.checks import (
    check_exposure,
    check_features,
    check_hosting,
    check_persona,
    check_public_address,
    check_shutdowns,
    check_whatsapp,
)
from commands.finding import Finding, broken, fine, mistakes
from commands.state_checks import (
    check_data_folder,
    check_databases,
    check_documents,
    check_index,
    check_replies,
)
from commands.webhook_check import check_webhook

if TYPE_CHECKING:
    from commands.application import Application

Check = tuple[str, Callable[[], Iterable[Finding]]]

_SIGNS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "error": ("✗", "red")}


@click.command(short_help="Say what is missing or wrong, and what to do.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_obj
def doctor(app: "Application", as_json: bool) -> None:
    """Look at everything the clone needs, and say what to mend.

    Nothing is changed, except that DATABASE_URL's tables are brought up to date, as at any start.
    The webhook is called as Twilio would, with nothing to store in it.
    ✓ is well, ! deserves a look, ✗ does not work; the exit code is 1 if there is a ✗.

    \b
    clone doctor
    clone doctor --json | jq '.findings[] | select(.state != "ok")'
    """  # noqa: D301
    app.log_to(logging.CRITICAL, sys.stderr)
    findings = []
    for finding in _examine(app):
        findings.append(finding)
        if not as_json:
            _show(finding)
    wrong = sum(finding.state == "error" for finding in findings)
    if as_json:
        told = [dataclasses.asdict(finding) for finding in findings]
        click.echo(json.dumps({"ok": not wrong, "findings": told}, ensure_ascii=False, indent=2))
    else:
        look = sum(finding.state == "warning" for finding in findings)
        click.echo(f"\n{wrong} to mend, {look} to look at." if wrong or look else "\nAll is well.")
    if wrong:
        click.get_current_context().exit(1)


def _examine(app: "Application") -> Iterator[Finding]:
    """Yield each finding as it is made; one check that fails stops no other."""
    try:
        checks = _checks(app)
    except SettingsError as error:
        yield from mistakes("settings", error)
        return
    yield fine("settings", "Every setting can be read.")
    for name, check in checks:
        try:
            yield from check()
        except CloneError as error:
            yield from mistakes(name, error)


def _checks(app: "Application") -> list[Check]:
    settings = app.settings
    now = datetime.now(UTC)
    return [
        ("persona", lambda: check_persona(app.persona, settings)),
        ("documents", lambda: check_documents(settings.documents, app.found_documents())),
        ("index", lambda: _check_index(app)),
        ("model", lambda: check_features(settings, app.services)),
        ("model dates", lambda: check_shutdowns(settings, now.date())),
        ("data folder", lambda: check_data_folder(settings.data)),
        ("database", lambda: _check_database(app)),
        ("replies", lambda: _check_replies(app, now)),
        ("whatsapp", lambda: check_whatsapp(settings.twilio)),
        ("address", lambda: check_public_address(settings)),
        ("webhook", lambda: check_webhook(settings)),
        ("simulator", lambda: check_exposure(settings)),
        ("hosting", lambda: check_hosting(settings)),
    ]


def _check_index(app: "Application") -> Iterator[Finding]:
    found = app.found_documents()
    library = app.indexer.open()
    if library is None:
        yield from check_index(found, None, 0)
        return
    try:
        entries, (passages, _) = library.entries(), library.counts()
    finally:
        library.close()
    yield from check_index(found, entries, passages)


def _check_database(app: "Application") -> Iterator[Finding]:
    if app.settings.database_url:
        app.database.migrate()
        yield fine("database", "PostgreSQL answers, and its tables are up to date.")
        return
    yield from check_databases(app.settings.data, app.inspect, app.database.queries)


def _check_replies(app: "Application", now: datetime) -> Iterator[Finding]:
    queries = app.database.queries
    if app.settings.database_url:
        with app.database.read() as shared:
            yield from check_replies(shared, queries, now)
        return
    path = app.settings.data / "clone.db"
    if not path.exists():
        return
    # Not through `app.database`, which would make or change its tables.
    connection = app.inspect(path)
    connection.row_factory = sqlite3.Row
    try:
        yield from check_replies(connection, queries, now)
    except sqlite3.DatabaseError as error:
        told = f"{path.name} cannot be asked for failed replies: {error}."
        yield broken("replies", told, "run `clone migrate`; if that does not help, see above")
    finally:
        connection.close()


def _show(finding: Finding) -> None:
    sign, colour = _SIGNS[finding.state]
    click.echo(f"{click.style(sign, fg=colour, bold=True)} {finding.check:<12} {finding.told}")
    if finding.remedy:
        click.echo(f"{'':<15}→ {finding.remedy}")
