"""`clone doctor`: what is missing or wrong, and what to do about it."""

import dataclasses
import json
import logging
import shutil
import sys
import textwrap
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
    check_shutdowns,
)
from commands.conversation_checks import check_contacts, check_replies
from commands.finding import Finding, fine, mistakes
from commands.records import open_records
from commands.state_checks import (
    check_data_folder,
    check_databases,
    check_documents,
    check_index,
)
from commands.whatsapp_steps import walk_whatsapp

if TYPE_CHECKING:
    from commands.application import Application

Check = tuple[str, Callable[[], Iterable[Finding]]]

#: Where the sentences begin.
_MARGIN = 15
_SIGNS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "error": ("✗", "red")}


@click.command(short_help="Say what is missing or wrong, and what to do.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_obj
def doctor(app: "Application", as_json: bool) -> None:
    """Look at everything the clone needs, and say what to mend.

    Nothing is changed, except that DATABASE_URL's tables are brought up to date, as at any start.
    On the way to WhatsApp each step is looked at in turn, and the first that is not done is told
    with what comes next: Twilio is asked whether it accepts the account, and the webhooks are
    called as Twilio would, with nothing to store in it.
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
        ("replies", lambda: _check_conversations(app, now)),
        ("whatsapp", lambda: walk_whatsapp(app)),
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


def _check_conversations(app: "Application", now: datetime) -> Iterator[Finding]:
    queries = app.database.queries
    with open_records(app) as records:
        if records is not None:
            yield from check_replies(records, queries, now)
            yield from check_contacts(records, queries, now, bool(app.settings.alert_url))


def _show(finding: Finding) -> None:
    sign, colour = _SIGNS[finding.state]
    first, *rest = _lines(finding.told)
    click.echo(f"{click.style(sign, fg=colour, bold=True)} {finding.check:<12} {first}")
    for line in rest:
        click.echo(" " * _MARGIN + line)
    for number, line in enumerate(_lines(finding.remedy)):
        click.echo(f"{'':<{_MARGIN}}{' ' if number else '→'} {line}")


def _lines(text: str) -> list[str]:
    """Wrap a sentence for whoever reads it at a terminal; in a pipe it stays one line."""
    if not sys.stdout.isatty():
        return [text] if text else []
    width = max(shutil.get_terminal_size().columns, 60) - _MARGIN - 2
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
