"""`clone work`: the worker that answers what waits, until it is idle."""

import asyncio
import logging
import os
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from commands.application import Application

_log = logging.getLogger(__name__)


@click.command(short_help="Answer the messages that wait, then leave.")
@click.option("--ready-fd", type=int, hidden=True, help="Closed once the worker listens.")
@click.pass_obj
def work(app: "Application", ready_fd: int | None) -> None:
    """Answer the messages that wait, then leave after CLONE_IDLE_SECONDS.

    `clone serve` starts it when needed; by hand it is for looking at one run. With DATABASE_URL
    it stays until it is stopped, and any number of them work side by side, on any machines.
    """
    app.log_to(logging.INFO)
    if ready_fd is None and app.settings.database_url:
        # Without the doorbell: a web process of this folder has a worker of its own to stop.
        _run(app, stay=True)
        return
    with app.doorbell as doorbell:
        # Claimed before the heavy imports: from here on nobody starts another worker.
        claimed = doorbell.claim()
        if ready_fd is not None:
            os.close(ready_fd)
        if claimed:
            _run(app, stay=False)
        else:
            click.echo("A worker serves this data folder already.")


def _run(app: "Application", *, stay: bool) -> None:
    asyncio.run(app.work(stay=stay))
    _log.info("worker leaves", extra={"action": "worker_left"})
