"""Deletes at Twilio the files that contacts sent; lives in the worker only."""

import re
from functools import cached_property
from typing import TYPE_CHECKING

from agent.errors import InDoubtError, PermanentError, VendorError
from agent.vendors import Vendor

if TYPE_CHECKING:
    from collections.abc import Callable

    from twilio.rest import Client

_PATH = (
    r"/2010-04-01/Accounts/{account}"
    r"/Messages/((?:MM|SM)[0-9a-fA-F]{{32}})/Media/(ME[0-9a-fA-F]{{32}})"
)
#: Twilio's codes for a resource that is not there (any more).
_GONE = {"20404", "404"}


class TwilioEraser:
    """The `Eraser` of one Twilio account."""

    def __init__(self, account: str, connect: "Callable[[], Client]") -> None:
        # Only the ids are taken from an address: the request goes where all others go.
        self._address = re.compile(r"https?://[^/]+" + _PATH.format(account=re.escape(account)))
        self._connect = connect
        self._vendor = Vendor("twilio", _explain, attempts=2, attempt_seconds=10.0)

    async def erase(self, url: str) -> None:
        """Delete a file; nothing happens to one that is not this account's, or not there.

        Raises `VendorError`. https://www.twilio.com/docs/messaging/api/media-resource
        """
        found = self._address.fullmatch(url)
        if found is None:
            return
        message, media = found.groups()
        try:
            await self._vendor.call(
                lambda: self._client.messages(message).media(media).delete_async()
            )
        except PermanentError as error:
            if error.code not in _GONE:
                raise

    async def close(self) -> None:
        """Close the connections, if any were opened."""
        if "_client" in self.__dict__:
            await self._client.http_client.close()

    @cached_property
    def _client(self) -> "Client":
        return self._connect()


def _explain(error: Exception) -> VendorError:
    """Return our error for what the transport let through: an answer that makes no sense."""
    return InDoubtError(f"twilio's answer has no sense: {type(error).__name__}", code="answer")
