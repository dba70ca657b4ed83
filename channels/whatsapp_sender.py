"""Sends parts over Twilio's REST API; lives in the worker only, with one client."""

import contextlib
from collections.abc import Collection, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from agent.errors import InDoubtError, TemporaryError, VendorError
from agent.messages import TurnMessage
from agent.vendors import Vendor
from channels.formatting import whatsapp_text
from channels.outbox import Part
from channels.parts import split_reply
from channels.twilio_errors import explain_report

if TYPE_CHECKING:
    from collections.abc import Callable

    from twilio.rest import Client

#: How far back a lost part is looked for; Twilio's clock and ours may differ by some seconds.
_LOOK_BACK_SECONDS = 60.0
_LOOK_UP_LIMIT = 20
#: No message so short, in characters, is too long.
_SMALLEST = 100


class WhatsAppSender:
    """The `Sender` of WhatsApp through Twilio.

    `public_base_url` is where Twilio fetches recordings and, over https, reports what became of
    a message. Without one there are no reports, and a recording leaves as its words.
    """

    def __init__(
        self, sender: str, connect: "Callable[[], Client]", public_base_url: str = ""
    ) -> None:
        self._sender = sender
        #: Called at the first send, in the event loop: a clone without WhatsApp loads no Twilio.
        self._connect = connect
        base = urlsplit(public_base_url)._replace(query="", fragment="")
        self._public = base.geturl().rstrip("/")
        # A send is never repeated blindly, so one attempt; the lane looks it up and repeats.
        self._sending = Vendor("twilio", _explain, attempts=1, attempt_seconds=15.0)
        self._asking = Vendor("twilio", _explain, attempts=2, attempt_seconds=10.0)
        # An account without typing indicators must not close the way to the rest.
        self._typing = Vendor("twilio", _explain, attempts=1, attempt_seconds=5.0)

    def parts(self, text: str) -> Sequence[str]:
        """Write a reply in WhatsApp's marks, and cut it where its length asks for it."""
        return split_reply(whatsapp_text(text))

    def smaller(self, body: str) -> Sequence[str]:
        """Cut a message that was found too long to half its length, losing nothing."""
        return split_reply(body, limit=max(_SMALLEST, len(body) // 2), most=len(body))

    def undelivered(self, part: Part) -> VendorError:
        """Return what the error code of a part's report means."""
        return explain_report(part.delivery_error)

    async def send(self, part: Part) -> str:
        """Hand a part to Twilio and return its id, `SM…` or `MM…`."""
        fields = self._fields(part)
        try:
            message = await self._sending.call(
                lambda: self._client.messages.create_async(
                    to=part.address, from_=self._sender, **fields
                )
            )
        except TemporaryError as error:
            if error.code in ("timeout", "deadline"):
                raise InDoubtError(str(error), code=error.code) from error
            raise
        return str(message.sid)

    async def find(self, part: Part, known: Collection[str]) -> str | None:
        """Look for a part among what Twilio holds for its recipient, by time and content."""
        since = (part.sending_at or 0.0) - _LOOK_BACK_SECONDS
        listed = await self._asking.call(
            lambda: self._client.messages.list_async(
                to=part.address, from_=self._sender, limit=_LOOK_UP_LIMIT
            )
        )
        is_this = _holds_a_file if self._is_recording(part) else _has_words(part.body)
        for message in listed:
            created: Any = message.date_created
            recent = created is None or created.timestamp() >= since
            if recent and message.sid not in known and is_this(message):
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

    def _fields(self, part: Part) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        if self._is_recording(part):
            # WhatsApp shows no words beside a recording, and takes one file a message.
            fields["media_url"] = [f"{self._public}/media/{part.media}"]
        else:
            fields["body"] = part.body
        if self._public.startswith("https:"):
            path = f"/webhook/whatsapp/status?o={quote(part.id, safe='')}"
            fields["status_callback"] = f"{self._public}{path}"
        return fields

    def _is_recording(self, part: Part) -> bool:
        return part.form != "text" and bool(self._public)


def _has_words(body: str) -> "Callable[[Any], bool]":
    """Compare without white space: whether Twilio keeps it as it was is written nowhere."""
    words = body.split()
    return lambda message: (message.body or "").split() == words


def _holds_a_file(message: Any) -> bool:
    """Tell a message with a file from one whose words were erased since."""
    carries_file = message.num_media not in (None, "0") or message.sid.startswith("MM")
    return carries_file and not (message.body or "").strip()


def _explain(error: Exception) -> VendorError:
    """Return our error for what the transport let through: a 2xx that holds no message."""
    return InDoubtError(f"twilio's answer has no sense: {type(error).__name__}", code="answer")
