"""Twilio's message resource: its rules, its form on the wire, and its errors."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

from tests.standins.exchange import Answer, json_answer

ACCOUNT_SID = "AC" + "a" * 32
BODY_LIMIT = 1600
_TEXTS = {
    20003: "Authenticate",
    20404: "The requested resource was not found",
    20429: "Too Many Requests",
    21211: "Invalid 'To' Phone Number",
    21602: "Message body is required.",
    21603: "A 'From' phone number is required.",
    21604: "A 'To' phone number is required.",
    21610: "Attempt to send to unsubscribed recipient",
    21617: "The concatenated message body exceeds the 1600 character limit",
    21910: "Invalid From and To pair. From and To should be of the same channel",
    63003: "Channel could not find To address",
    63007: "Twilio could not find a Channel with the specified From address",
    63016: "Outside messaging window. For WhatsApp, use a Message Template instead",
    63018: "Rate limit exceeded for Channel",
}


def refusal(code: int, status: int = 400, message: str = "") -> Answer:
    """Answer with Twilio's error document."""
    document = {
        "code": code,
        "message": message or _TEXTS.get(code, "The request was refused"),
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return json_answer(document, status)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessage:
    """A message that Twilio accepted for sending."""

    sid: str
    to: str
    sender: str
    body: str
    #: The one file that goes out with it: WhatsApp ignores any after the first, silently.
    media_url: str
    #: The files after the first.
    ignored_media: tuple[str, ...] = ()
    #: Every field of the request, in order.
    fields: tuple[tuple[str, str], ...]
    #: Monotonic arrival time in seconds, and the wall clock as Twilio would report it.
    at: float
    created: datetime

    @property
    def status_callback(self) -> str:
        """The address that Twilio was asked to report this message to, empty for none."""
        return dict(self.fields).get("StatusCallback", "")


def document(message: SentMessage, account_sid: str) -> dict[str, object]:
    """Return the message resource as the API shows it once the message has left."""
    uri = f"/2010-04-01/Accounts/{account_sid}/Messages/{message.sid}"
    date = format_datetime(message.created)
    return {
        "account_sid": account_sid,
        "api_version": "2010-04-01",
        "body": message.body,
        "date_created": date,
        "date_sent": date,
        "date_updated": date,
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": message.sender or None,
        "messaging_service_sid": dict(message.fields).get("MessagingServiceSid"),
        "num_media": "1" if message.media_url else "0",
        "num_segments": "1",
        "price": None,
        "price_unit": None,
        "sid": message.sid,
        "status": "sent",
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": message.to,
        "uri": f"{uri}.json",
    }


def account_document(sid: str, status: str, kind: str) -> dict[str, object]:
    """Return the account resource, without what only its owner's console needs."""
    date = format_datetime(datetime(2026, 1, 2, tzinfo=UTC))
    return {
        "sid": sid,
        "owner_account_sid": sid,
        "friendly_name": "Clone",
        "status": status,
        "type": kind,
        "auth_token": "",
        "date_created": date,
        "date_updated": date,
        "uri": f"/2010-04-01/Accounts/{sid}.json",
        "subresource_uris": {},
    }


def callback(message: SentMessage, status: str, error: str = "") -> tuple[str, dict[str, str]]:
    """Return where Twilio reports a message to and the form it posts there.

    Raises `ValueError` for a message that was sent without an address for reports.
    """
    if not message.status_callback:
        raise ValueError("sent without a StatusCallback")
    form = {
        "MessageSid": message.sid,
        "SmsSid": message.sid,
        "AccountSid": ACCOUNT_SID,
        "MessageStatus": status,
        "SmsStatus": status,
        "From": message.sender,
        "To": message.to,
        "ChannelPrefix": "whatsapp",
        "ApiVersion": "2010-04-01",
    }
    if error:
        form |= {"ErrorCode": error, "ErrorMessage": _TEXTS.get(int(error), "")}
    return message.status_callback, form


def mistake(fields: Mapping[str, str]) -> Answer | None:
    """Return the refusal of a send that breaks a rule."""
    if not fields.get("To"):
        return refusal(21604)
    if not fields.get("From") and not fields.get("MessagingServiceSid"):
        return refusal(21603)
    if not any(fields.get(name) for name in ("Body", "MediaUrl", "ContentSid")):
        return refusal(21602)
    if len(fields.get("Body", "")) > BODY_LIMIT:
        return refusal(21617)
    sender = fields.get("From", "whatsapp:")
    if sender.startswith("whatsapp:") != fields["To"].startswith("whatsapp:"):
        return refusal(21910)
    return None


def matches(message: SentMessage, query: Mapping[str, str]) -> bool:
    """Tell whether the filters of a list request let the message through."""
    if query.get("To", message.to) != message.to:
        return False
    if query.get("From", message.sender) != message.sender:
        return False
    after, before = query.get("DateSent>"), query.get("DateSent<")
    return (not after or message.created >= _moment(after)) and (
        not before or message.created <= _moment(before)
    )


def _moment(text: str) -> datetime:
    # A bare date is midnight in UTC.
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
