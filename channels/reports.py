"""What a channel reports of a message after it took it, as plain data."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReport:
    """One status callback; the same one may come twice, and later ones before earlier ones."""

    #: Our id of the part, from the address that the channel called.
    part_id: str
    #: The channel's id of the message.
    provider_id: str
    #: Twilio's words: queued, sending, sent, delivered, read, undelivered, failed, …
    status: str
    #: The channel's error code, empty for none.
    error: str = ""


class ReportTaker(Protocol):
    """Keeps reports."""

    def take(self, report: DeliveryReport) -> None:
        """Store what is news in a report and wake the worker if it has to act.

        Raises `StorageError` when it could not be stored: it must not be acknowledged.
        """
        ...
