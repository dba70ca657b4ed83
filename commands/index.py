"""`clone index`: reads the owner's files now, and tells what became of each."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from commands.failure import Failure

if TYPE_CHECKING:
    from commands.application import Application
    from knowledge.indexer import IndexReport, Progress

#: How many names of a row are shown without `--all`.
_NAMES = 5


@click.command(short_help="Read the documents now.")
@click.option("--all", "every", is_flag=True, help="Name every file, not only the first of a kind.")
@click.option("--from-scratch", is_flag=True, help="Read every file again, changed or not.")
@click.pass_obj
def index(app: "Application", every: bool, from_scratch: bool) -> None:
    """Read the documents now; only what changed since the last time is read.

    The clone does this by itself at the next question. By hand it shows what was added, changed,
    removed and skipped, with the reason. The folder is documents/, or CLONE_DOCUMENTS.

    \b
    clone index
    clone index --from-scratch --all
    """  # noqa: D301
    # What the log would tell stands in the summary.
    app.log_to(logging.ERROR, sys.stderr)
    folder = app.settings.documents
    began = time.monotonic()
    with _progress() as progress:
        report = app.indexer.update(progress, from_scratch=from_scratch)
    click.echo(f"Read {folder} in {time.monotonic() - began:.1f} s")
    _summarize(report, most=None if every else _NAMES)
    if not report.paragraphs:
        if report.skipped:
            raise Failure("no file could be read; mend one of those above")
        click.echo("There is nothing to read yet: put a biography there, as .md or .txt.")
        return
    click.echo(f"The clone answers from {report.paragraphs} passages.")


@contextmanager
def _progress() -> "Iterator[Progress]":
    """Give what draws a bar; it appears with the first file that has to be read."""
    bar: Any = None

    def advance(done: int, total: int, name: str) -> None:
        nonlocal bar
        if bar is None:
            bar = click.progressbar(
                length=total,
                label="Reading",
                item_show_func=lambda name: name or "",
                file=sys.stderr,
                hidden=not sys.stderr.isatty(),
            )
            bar.__enter__()
        bar.update(done - bar.pos, name)

    try:
        yield advance
    finally:
        if bar is not None:
            bar.__exit__(None, None, None)


def _summarize(report: "IndexReport", *, most: int | None) -> None:
    rows = {
        "added": report.added,
        "changed": report.changed,
        "removed": report.removed,
        "unchanged": report.unchanged,
    }
    for kind, names in rows.items():
        shown = names[:most]
        more = f" and {len(names) - len(shown)} more" if len(shown) < len(names) else ""
        click.echo(f"  {kind:<10}{len(names):>6}   {', '.join(shown)}{more}".rstrip())
    click.echo(f"  {'skipped':<10}{len(report.skipped):>6}")
    for each in report.skipped:
        click.echo(f"      {each.name}: {each.reason}")
