"""Keeps what a channel reports of the parts it took: delivery never goes back, doubts end."""

import logging
import time
from collections.abc import Callable

from channels.ledger import Ledger
from channels.reports import DeliveryReport

#: How far a message has come; a report of less than is known already changes nothing.
#: https://www.twilio.com/docs/messaging/guides/track-outbound-message-status
_RANKS = {
    "accepted": 1,
    "scheduled": 1,
    "queued": 1,
    "sending": 2,
    "sent": 3,
    "canceled": 4,
    "undelivered": 4,
    "failed": 4,
    "delivered": 5,
    "read": 6,
}
#: Twilio's words for a message that the contact never got; kept as the last two of them.
_NOT_ARRIVED = {"canceled": "failed", "undelivered": "undelivered", "failed": "failed"}

_log = logging.getLogger(__name__)


class Receipts:
    """Takes reports in the web process; what follows from them is the worker's to do."""

    def __init__(
        self, database: Ledger, wake: Callable[[], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._queries = database.queries
        self._wake = wake
        self._clock = clock

    def take(self, report: DeliveryReport) -> None:
        """Store what is news in a report, and wake the worker if the part did not arrive.

        Raises `StorageError` when it could not be stored: it must not be acknowledged.
        """
        if self._database.share(self._store, report):
            self._wake()

    def _store(self, report: DeliveryReport) -> bool:
        """Return whether the worker has to act."""
        with self._database.read() as connection:
            found = self._queries.reported_part(connection, id=report.part_id)
        contact = found["contact"] if found else None
        with self._database.write(contact) as connection:
            part = self._queries.reported_part(connection, id=report.part_id)
            if part is None or part["provider_id"] not in ("", report.provider_id):
                # Of another installation's outbox, or of a message that was sent again since.
                _log.info(
                    "report of an unknown message",
                    extra={"action": "report_unknown", "part_id": report.part_id},
                )
                return False
            now = self._clock()
            # The channel has it, whatever we thought: a lost answer is found.
            self._queries.mark_sent(
                connection, id=report.part_id, provider_id=report.provider_id, now=now
            )
            noted = self._queries.note_delivery(
                connection,
                id=report.part_id,
                status=_NOT_ARRIVED.get(report.status, report.status),
                rank=_RANKS.get(report.status, 0),
                error=report.error,
                now=now,
            )
            if not noted or report.status not in _NOT_ARRIVED:
                return False
            self._database.announce(connection, part["contact"])
        _log.warning(
            "part did not arrive",
            extra={
                "action": "part_undelivered",
                "part_id": report.part_id,
                "provider_id": report.provider_id,
                "error": report.error,
            },
        )
        return True
