"""The webhooks that Twilio would post: forms with a real webhook's fields, and their signature."""

import json
import secrets
from collections.abc import Mapping

from twilio.request_validator import RequestValidator

from tests.standins.twilio import ACCOUNT_SID, AUTH_TOKEN, CLONE_NUMBER

CONTACT = "whatsapp:+5511999999999"


def inbound_form(
    body: str = "Oi, tudo bem?", *, sid: str = "", sender: str = CONTACT, **extra: str | None
) -> dict[str, str]:
    """Return the webhook fields of a text message; an `extra` of None takes a field away."""
    sid = sid or "SM" + secrets.token_hex(16)
    phone = sender.removeprefix("whatsapp:+")
    name = extra.get("ProfileName", "Ana") or ""
    context = {"type": "whatsapp", "data": {"context": {"ProfileName": name, "WaId": phone}}}
    form: dict[str, str | None] = {
        "SmsMessageSid": sid,
        "SmsSid": sid,
        "MessageSid": sid,
        "AccountSid": ACCOUNT_SID,
        "SmsStatus": "received",
        "NumSegments": "1",
        "ReferralNumMedia": "0",
        "ApiVersion": "2010-04-01",
        "From": sender,
        "To": CLONE_NUMBER,
        "WaId": phone,
        "ProfileName": name,
        "Forwarded": "false",
        "FrequentlyForwarded": "false",
        # Another phone is another person; Twilio's own ids are unrelated to the number.
        "ExternalUserId": f"whatsapp:BR.15{phone[::-1]}",
        "ChannelMetadata": json.dumps(context),
        "MessageType": "text",
        "NumMedia": "0",
        "Body": body,
    }
    return {key: value for key, value in (form | extra).items() if value is not None}


def media_form(
    url: str, content_type: str = "audio/ogg", *, sender: str = CONTACT, **extra: str | None
) -> dict[str, str]:
    """Return the webhook fields of a message with one file, by default a voice note."""
    fields: dict[str, str | None] = {
        "MessageType": content_type.partition("/")[0],
        "NumMedia": "1",
        "MediaContentType0": content_type,
        "MediaUrl0": url,
    }
    sid = "MM" + secrets.token_hex(16)
    return inbound_form("", **({"sid": sid, "sender": sender} | fields | extra))  # type: ignore[arg-type]


def status_form(sid: str, status: str, error_code: str = "", **extra: str) -> dict[str, str]:
    """Return the fields of a status callback about the message `sid`."""
    form = {
        "MessageSid": sid,
        "SmsSid": sid,
        "AccountSid": ACCOUNT_SID,
        "MessageStatus": status,
        "SmsStatus": status,
        "From": CLONE_NUMBER,
        "To": CONTACT,
        "ChannelPrefix": "whatsapp",
        "ApiVersion": "2010-04-01",
    }
    return form | ({"ErrorCode": error_code} if error_code else {}) | extra


def signed(url: str, form: Mapping[str, str], token: str = AUTH_TOKEN) -> dict[str, str]:
    """Return the headers with which Twilio would post `form` to `url`."""
    return {
        "Content-Type": "application/x-www-form-urlencoded",
        "I-Twilio-Idempotency-Token": secrets.token_hex(16),
        "User-Agent": "TwilioProxy/1.1",
        "X-Twilio-Signature": RequestValidator(token).compute_signature(url, dict(form)),
    }
