"""Sends parts over Twilio's REST API; lives in the worker only, with one client."""

import contextlib
from collections.abc import Collection, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from agent.errors import InDoubtError, PermanentError, TemporaryError, VendorError
from agent.messages import TurnMessage
from agent.vendors import Vendor, explain_http
from channels.outbox import Part
from channels.parts import split_reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from twilio.rest import Client

#: How far back a lost part is looked for; Twilio's clock and ours may differ by some seconds.
_LOOK_BACK_SECONDS = 60.0
_LOOK_UP_LIMIT = 20


class WhatsAppSender:
    """The `Sender` of WhatsApp through Twilio."""

    def __init__(self, sender: str, connect: "Callable[[], Client]") -> None:
        self._sender = sender
        #: Called at the first send, in the event loop: a clone without WhatsApp loads no Twilio.
        self._connect = connect
        # A send is never repeated blindly, so one attempt; the lane looks it up and repeats.
        self._sending = Vendor("twilio", self._explain, attempts=1, attempt_seconds=15.0)
        self._asking = Vendor("twilio", self._explain, attempts=2, attempt_seconds=10.0)
        # An account without typing indicators must not close the way to the rest.
        self._typing = Vendor("twilio", self._explain, attempts=1, attempt_seconds=5.0)

    def parts(self, text: str) -> Sequence[str]:
        """Cut a reply where WhatsApp's length of 1,600 characters asks for it."""
        return split_reply(text)

    async def send(self, part: Part) -> str:
        """Hand a part to Twilio and return its `SM…` id."""
        try:
            message = await self._sending.call(
                lambda: self._client.messages.create_async(
                    to=part.address, from_=self._sender, body=part.body
                )
            )
        except TemporaryError as error:
            if error.code in ("timeout", "deadline"):
                raise InDoubtError(str(error), code=error.code) from error
            raise
        return str(message.sid)

    async def find(self, part: Part, known: Collection[str]) -> str | None:
        """Look for a part among what Twilio holds for its recipient, by time and text."""
        since = (part.sending_at or 0.0) - _LOOK_BACK_SECONDS
        listed = await self._asking.call(
            lambda: self._client.messages.list_async(
                to=part.address, from_=self._sender, limit=_LOOK_UP_LIMIT
            )
        )
        for message in listed:
            created: Any = message.date_created
            recent = created is None or created.timestamp() >= since
            if recent and message.body == part.body and message.sid not in known:
                return str(message.sid)
        return None

    async def typing(self, message: TurnMessage) -> None:
        """Show the typing indicator (25 s); it also marks the message as read.

        https://www.twilio.com/docs/whatsapp/api/typing-indicators-resource
        """
        with contextlib.suppress(VendorError):
            await self._typing.call(
                lambda: self._client.messaging.v2.typing_indicator.create_async(
                    channel="whatsapp", message_id=message.provider_id
                )
            )

    async def close(self) -> None:
        """Close the connections, if any were opened."""
        if "_client" in self.__dict__:
            await self._client.http_client.close()

    @cached_property
    def _client(self) -> "Client":
        return self._connect()

    def _explain(self, error: Exception) -> VendorError:
        from aiohttp import ClientConnectorError
        from twilio.base.exceptions import TwilioException

        if isinstance(error, ClientConnectorError):
            return TemporaryError("twilio could not be reached", code="connection")
        if not isinstance(error, TwilioException):
            return InDoubtError("the connection to twilio broke", code="connection")
        status, code = _status_of(error)
        if status is None:
            return PermanentError("twilio's client refused: check TWILIO_ACCOUNT_SID and its token")
        told = explain_http("twilio", status, code, self._client.http_client.retry_after)
        # A server that broke may have done its work before.
        return InDoubtError(str(told), code=told.code) if status >= 500 else told


def _status_of(error: Exception) -> tuple[int | None, str]:
    """Return status and code of Twilio's answer; a failed listing carries only the answer."""
    answer = error.args[1] if len(error.args) > 1 else None
    status = getattr(error, "status", None) or getattr(answer, "status_code", None)
    return status, str(getattr(error, "code", None) or "")
