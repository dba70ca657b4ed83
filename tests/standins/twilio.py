"""A stand-in of Twilio: its REST API on loopback (`webhooks.py` has what it posts to us)."""

import re
import secrets
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlencode

from tests.standins.exchange import Answer, Behaviour, Request, always, json_answer
from tests.standins.server import StandIn
from tests.standins.twilio_messages import (
    ACCOUNT_SID,
    SentMessage,
    account_document,
    document,
    matches,
    mistake,
    refusal,
)

AUTH_TOKEN = "twilio-test-token"
CLONE_NUMBER = "whatsapp:+14155238886"

_ACCOUNT = r"/2010-04-01/Accounts/(?P<account>\w+)"
_MESSAGE_SID = re.compile(r"(SM|MM)[0-9a-f]{32}")


def refused(code: int, status: int = 400, *, retry_after: float | None = None) -> Behaviour:
    """Refuse with an error code, without any effect; `retry_after` is in seconds."""
    headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
    return always(replace(refusal(code, status), headers=headers))


class TwilioStandIn(StandIn):
    """Twilio's Messages, media and typing indicators for one account.

    Operations: account, send, list, fetch, redact, delete, media, cdn, erase, typing.
    Set `TWILIO_API_BASE_URL` to `url`; credentials are `account_sid` and `auth_token`.
    """

    def __init__(self, *, latency: float = 0.0) -> None:
        super().__init__()
        self.account_sid = ACCOUNT_SID
        self.auth_token = AUTH_TOKEN
        #: As the account resource tells them: active, suspended or closed; Trial or Full.
        self.account_status, self.account_type = "active", "Full"
        #: Seconds that an ordinary answer to a send takes.
        self.latency = latency
        self._sent: list[SentMessage] = []
        #: What the account still holds: redaction and deletion change it, never `_sent`.
        self._stored: dict[str, SentMessage] = {}
        self._typing: list[str] = []
        self._media: dict[str, tuple[bytes, str]] = {}
        one = _ACCOUNT + r"/Messages/(?P<sid>\w+)"
        self.route("GET", _ACCOUNT + r"\.json", "account", self._account)
        self.route("POST", _ACCOUNT + r"/Messages\.json", "send", self._send)
        self.route("GET", _ACCOUNT + r"/Messages\.json", "list", self._list)
        self.route("GET", one + r"\.json", "fetch", self._fetch)
        self.route("POST", one + r"\.json", "redact", self._redact)
        self.route("DELETE", one + r"\.json", "delete", self._delete)
        self.route("GET", one + r"/Media/(?P<media>\w+)", "media", self._redirect_to_media)
        erase = one + r"/Media/(?P<media>\w+)\.json"
        self.route("DELETE", erase, "erase", self._erase_media)
        self.route("GET", r"/cdn/(?P<media>\w+)", "cdn", self._serve_media)
        self.route("POST", r"/v2/Indicators/Typing\.json", "typing", self._type)

    @property
    def sent(self) -> list[SentMessage]:
        """Every message accepted so far, in order, also those deleted since."""
        with self.changed:
            return list(self._sent)

    @property
    def typing(self) -> list[str]:
        """Ids of the inbound messages that a typing indicator was accepted for."""
        with self.changed:
            return list(self._typing)

    @property
    def leaks(self) -> list[Request]:
        """Requests that carried credentials to the media host, which must never see them."""
        return [r for r in self.requests("cdn") if "Authorization" in r.headers]

    def add_media(self, content: bytes, content_type: str = "audio/ogg") -> str:
        """Keep a contact's file and return the address that the webhook would carry."""
        sid = "ME" + secrets.token_hex(16)
        with self.changed:
            self._media[sid] = (content, content_type)
        message = "MM" + secrets.token_hex(16)
        return f"{self.url}/2010-04-01/Accounts/{self.account_sid}/Messages/{message}/Media/{sid}"

    @property
    def media(self) -> set[str]:
        """Ids of the files that the account still keeps."""
        with self.changed:
            return set(self._media)

    def unknown(self, request: Request) -> Answer:
        """Answer as Twilio does to a path that it does not have."""
        return refusal(20404, 404, f"The requested resource {request.path} was not found")

    def _stranger(self, request: Request) -> Answer | None:
        """Return the refusal of a request without this account's credentials."""
        credentials = b64encode(f"{self.account_sid}:{self.auth_token}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {credentials}":
            return refusal(20003, 401)
        if request.parts.get("account", self.account_sid) != self.account_sid:
            return refusal(20404, 404)
        return None

    def _account(self, request: Request) -> Answer:
        told = account_document(self.account_sid, self.account_status, self.account_type)
        return self._stranger(request) or json_answer(told)

    def _send(self, request: Request) -> Answer:
        form = request.form()
        fields = dict(form)
        if problem := self._stranger(request) or mistake(fields):
            return problem
        media, *ignored = [value for name, value in form if name == "MediaUrl"] or [""]
        message = SentMessage(
            sid=("MM" if media else "SM") + secrets.token_hex(16),
            to=fields["To"],
            sender=fields.get("From", ""),
            body=fields.get("Body", ""),
            media_url=media,
            ignored_media=tuple(ignored),
            fields=tuple(form),
            at=request.at,
            created=datetime.now(UTC).replace(microsecond=0),
        )
        with self.changed:
            self._sent.append(message)
            self._stored[message.sid] = message
        fresh = {"status": "queued", "date_sent": None}
        answer = json_answer(document(message, self.account_sid) | fresh, 201)
        return replace(answer, delay=self.latency)

    def _list(self, request: Request) -> Answer:
        if problem := self._stranger(request):
            return problem
        with self.changed:
            newest_first = list(reversed(self._stored.values()))
        found = [message for message in newest_first if matches(message, request.query)]
        size = int(request.query.get("PageSize", 50))
        page = int(request.query.get("Page", 0))
        start, end = page * size, (page + 1) * size
        shown = [document(message, self.account_sid) for message in found[start:end]]
        more = self._page_uri(request, page + 1) if len(found) > end else None
        listing = {
            "messages": shown,
            "page": page,
            "page_size": size,
            "start": start,
            "end": start + max(len(shown) - 1, 0),
            "uri": self._page_uri(request, page),
            "first_page_uri": self._page_uri(request, 0),
            "next_page_uri": more,
            "previous_page_uri": self._page_uri(request, page - 1) if page else None,
        }
        return json_answer(listing)

    def _fetch(self, request: Request) -> Answer:
        message = self._stored.get(request.parts["sid"])
        return self._stranger(request) or (
            json_answer(document(message, self.account_sid)) if message else refusal(20404, 404)
        )

    def _redact(self, request: Request) -> Answer:
        if problem := self._stranger(request):
            return problem
        # The API changes a sent message in one way only: to an empty body.
        if dict(request.form()).get("Body") != "":
            return refusal(20001, 400, "Body may only be updated to an empty string")
        with self.changed:
            message = self._stored.get(request.parts["sid"])
            if message is None:
                return refusal(20404, 404)
            redacted = replace(message, body="")
            self._stored[message.sid] = redacted
        return json_answer(document(redacted, self.account_sid))

    def _delete(self, request: Request) -> Answer:
        if problem := self._stranger(request):
            return problem
        with self.changed:
            gone = self._stored.pop(request.parts["sid"], None)
        return Answer(status=204) if gone else refusal(20404, 404)

    def _redirect_to_media(self, request: Request) -> Answer:
        if problem := self._stranger(request):
            return problem
        if request.parts["media"] not in self._media:
            return refusal(20404, 404)
        return Answer(status=307, headers={"Location": f"{self.url}/cdn/{request.parts['media']}"})

    def _erase_media(self, request: Request) -> Answer:
        if problem := self._stranger(request):
            return problem
        with self.changed:
            gone = self._media.pop(request.parts["media"], None)
        return Answer(status=204) if gone else refusal(20404, 404)

    def _serve_media(self, request: Request) -> Answer:
        # The real host takes signed addresses and refuses a second kind of credentials.
        if "Authorization" in request.headers:
            return Answer(status=400, body=b"only one auth mechanism allowed")
        if request.parts["media"] not in self._media:
            return Answer(status=404)
        content, content_type = self._media[request.parts["media"]]
        return Answer(body=content, content_type=content_type)

    def _type(self, request: Request) -> Answer:
        if problem := self._stranger(request):
            return problem
        fields = dict(request.form())
        if fields.get("channel") != "whatsapp":
            return refusal(20001, 400, "channel must be whatsapp")
        if not _MESSAGE_SID.fullmatch(fields.get("messageId", "")):
            return refusal(20001, 400, "messageId must be a message SID")
        with self.changed:
            self._typing.append(fields["messageId"])
        return json_answer({"success": True})

    def _page_uri(self, request: Request, page: int) -> str:
        query = dict(request.query) | {"Page": str(page), "PageToken": f"PA{page}"}
        return f"{request.path}?{urlencode(query)}"
