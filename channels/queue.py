"""The queue of procrastinate: a job says that a contact has work, and never what it is."""

import contextlib
from typing import Any

import psycopg
from procrastinate import App, PsycopgConnector, SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException

from agent.errors import StorageError
from agent.postgres import CONNECTION
from agent.settings import Secret

#: The only task there is; its only argument is the contact's hash.
SERVE_CONTACT = "serve_contact"
#: Where a commit tells the workers of a contact's news, which may concern a running turn.
NEWS = "clone_news"

# Never opened: jobs are only deferred on connections that are given.
_deferrer = App(connector=SyncPsycopgConnector())


def defer(connection: "psycopg.Connection[Any]", contact: str) -> None:
    """Make a job for the contact part of the connection's transaction, unless one waits already.

    The contact's row must be locked. Otherwise the job that waits already could run, find
    nothing and be gone before the caller commits. Raises `StorageError`.
    """
    job = _deferrer.configure_task(
        SERVE_CONTACT,
        lock=contact,
        queueing_lock=contact,
        task_kwargs={"contact": contact},
        connection=connection,
    )
    try:
        # In a savepoint: the refusal of a second job would undo the whole transaction, and its
        # commit would not say so.
        with contextlib.suppress(AlreadyEnqueued), connection.transaction():
            job.defer()
    except ConnectorException as error:
        raise StorageError(f"the queue refused a job: {type(error.__cause__).__name__}") from error


def open_queue(url: Secret) -> App:
    """Return the queue as a worker needs it, still to be opened; its tasks are the worker's."""
    return App(
        connector=PsycopgConnector(
            conninfo=url.reveal(), min_size=1, max_size=4, kwargs=dict(CONNECTION)
        )
    )
