"""The webhooks that Twilio would post: forms with a real webhook's fields, and their signature."""

import json
import secrets
from collections.abc import Mapping

from twilio.request_validator import RequestValidator

from tests.standins.twilio import ACCOUNT_SID, AUTH_TOKEN, CLONE_NUMBER

CONTACT = "whatsapp:+5511999999999"
#: The id of a person that hides their number, as `From` would carry it.
USERNAME_CONTACT = "whatsapp:BR.1502576394655843"


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


def media_url() -> str:
    """Return the address of a contact's file at Twilio's, where nothing is."""
    account = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT_SID}"
    return f"{account}/Messages/MM{secrets.token_hex(16)}/Media/ME{secrets.token_hex(16)}"


def video_form(url: str = "", **extra: str | None) -> dict[str, str]:
    """Return the webhook fields of a video."""
    return media_form(url or media_url(), "video/mp4", **extra)


def document_form(url: str = "", **extra: str | None) -> dict[str, str]:
    """Return the webhook fields of a document; its name comes as the words."""
    fields: dict[str, str | None] = {"MessageType": "document", "Body": "curriculo.pdf"}
    return media_form(url or media_url(), "application/pdf", **(fields | extra))  # type: ignore[arg-type]


def sticker_form(url: str = "", **extra: str | None) -> dict[str, str]:
    """Return the webhook fields of a sticker."""
    fields: dict[str, str | None] = {"MessageType": "sticker"}
    return media_form(url or media_url(), "image/webp", **(fields | extra))  # type: ignore[arg-type]


def contacts_form(url: str = "", **extra: str | None) -> dict[str, str]:
    """Return the webhook fields of a shared contact card, which Twilio carries as a file."""
    fields: dict[str, str | None] = {"MessageType": "contacts"}
    return media_form(url or media_url(), "text/vcard", **(fields | extra))  # type: ignore[arg-type]


def location_form(**extra: str | None) -> dict[str, str]:
    """Return the webhook fields of a place."""
    fields: dict[str, str | None] = {
        "MessageType": "location",
        "Latitude": "-23.5505",
        "Longitude": "-46.6333",
        "Address": "Av. Paulista",
        "Label": "Sede",
    }
    return inbound_form("", **(fields | extra))  # type: ignore[arg-type]


def reply_form(body: str, quoted_sid: str, **extra: str | None) -> dict[str, str]:
    """Return the webhook fields of a swipe-reply to our message `quoted_sid`."""
    fields: dict[str, str | None] = {
        "OriginalRepliedMessageSender": CLONE_NUMBER,
        "OriginalRepliedMessageSid": quoted_sid,
    }
    return inbound_form(body, **(fields | extra))  # type: ignore[arg-type]


def button_form(text: str, quoted_sid: str, **extra: str | None) -> dict[str, str]:
    """Return the webhook fields of a tapped button of our message `quoted_sid`."""
    fields: dict[str, str | None] = {
        "MessageType": "interactive",
        "ButtonText": text,
        "ButtonPayload": "yes",
    }
    return reply_form(text, quoted_sid, **(fields | extra))


def list_form(title: str, quoted_sid: str, **extra: str | None) -> dict[str, str]:
    """Return the webhook fields of a row chosen from the list in our message `quoted_sid`."""
    fields: dict[str, str | None] = {
        "MessageType": "interactive",
        "ListId": "row-2",
        "ListTitle": title,
    }
    return reply_form(title, quoted_sid, **(fields | extra))


def referral_form(body: str, **extra: str | None) -> dict[str, str]:
    """Return the webhook fields of a first message after a tap on an advertisement."""
    fields: dict[str, str | None] = {
        "ReferralHeadline": "Fale comigo",
        "ReferralBody": "Aulas de voo em balão aos sábados",
        "ReferralSourceUrl": "https://fb.me/3kP9",
        "ReferralSourceType": "ad",
        "ReferralSourceId": "120200000000000000",
        "ReferralCtwaClid": "ARAkLkA8rmlFeiCktEJQ",
    }
    return inbound_form(body, **(fields | extra))  # type: ignore[arg-type]


def reaction_form(emoji: str = "👍", **extra: str | None) -> dict[str, str]:
    """Return the webhook fields of a reaction; Twilio documents none, so these are assumed."""
    fields: dict[str, str | None] = {"MessageType": "reaction"}
    return inbound_form(emoji, **(fields | extra))  # type: ignore[arg-type]


def order_form(remark: str = "", **extra: str | None) -> dict[str, str]:
    """Return the webhook fields of an order; Twilio documents none, so these are assumed."""
    fields: dict[str, str | None] = {"MessageType": "order"}
    return inbound_form(remark, **(fields | extra))  # type: ignore[arg-type]


def username_form(body: str = "Oi", **extra: str | None) -> dict[str, str]:
    """Return the webhook fields of somebody without a number; their shape is assumed."""
    fields: dict[str, str | None] = {"WaId": None, "ExternalUserId": USERNAME_CONTACT}
    return inbound_form(body, **({"sender": USERNAME_CONTACT} | fields | extra))  # type: ignore[arg-type]


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
