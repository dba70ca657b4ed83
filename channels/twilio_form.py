"""Twilio's WhatsApp forms as our own data: a reading that never raises and never acts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from agent.messages import IncomingMessage, Kind, Media
from agent.text import clean
from channels.reports import DeliveryReport

CHANNEL: Final = "whatsapp"

# ASCII: without it, ignoring case would take U+017F for an S.
_MESSAGE_ID = re.compile(r"[SM]M[0-9a-f]{32}", re.ASCII | re.IGNORECASE)
# Meta's id of a person towards one business: country, point, up to 128 letters and digits; `ENT`
# marks one that several businesses of an owner share.
_USER_ID = r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}"
_ACCOUNT = re.compile(rf"whatsapp:{_USER_ID}")
_ADDRESS = re.compile(rf"whatsapp:(?:\+[1-9][0-9]{{1,14}}|{_USER_ID})")
_PART_ID = re.compile(r"[!-~]{1,200}")
_STATUS = re.compile(r"[a-z][a-z_-]{0,31}")
_ERROR = re.compile(r"[0-9]{1,9}")

_MOST_MEDIA = 10
_MEDIA_URL_LIMIT = 2048
_CONTENT_TYPE_LIMIT = 100
#: More than WhatsApp lets anybody type (4,096), so that nothing of a message is lost.
TEXT_LIMIT = 10_000

# The words of a tapped button or of a chosen list row; `Body` repeats them, or stands alone.
_WORDS = ("ButtonText", "ListTitle", "Body")
_REFERRAL = ("ReferralHeadline", "ReferralBody", "ReferralSourceUrl")
_REFERRAL_FIELD_LIMIT = 500

# What a message is whatever else it carries. Words, buttons and lists are not here, nor is what
# Twilio may add tomorrow: those are judged by what they carry.
_KINDS: dict[str, Kind] = {
    "audio": "audio",
    "image": "image",
    "video": "video",
    "document": "document",
    "sticker": "sticker",
    "location": "location",
}
_FAMILIES: dict[str, Kind] = {"audio": "audio", "image": "image", "video": "video"}
#: A document without a caption brings its name as `Body`: nobody said that.
_FILE_NAME = re.compile(
    r"[^\n]{1,250}\.(?:pdf|docx?|xlsx?|pptx?|od[tsp]|rtf|txt|csv|md|html?|json|xml|zip|rar|7z|epub|ics)",
    re.IGNORECASE,
)
_CONTACT_CARDS = ("text/vcard", "text/x-vcard", "text/directory")
# Statuses of a message that came in: with one of these a form still is somebody's message.
_INBOUND = ("receiving", "received")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a form cannot be taken: a sentence for whoever sent it, and a word for the log."""

    sentence: str
    reason: str


#: `clone doctor` knows the two doors by these sentences.
MISSING = Refusal("MessageSid or From is missing", "missing")
REPORT_MISSING = Refusal("MessageSid or part is missing", "missing")
NO_MESSAGE_ID = Refusal("MessageSid is not an id of Twilio's", "message_id")
NO_ADDRESS = Refusal("From is not a WhatsApp address", "address")
NO_STATUS = Refusal("MessageStatus is missing or is not a word", "status")


def message_from(form: Mapping[str, str]) -> IncomingMessage | Refusal:
    """Return what a contact wrote, or why the form is nobody's message.

    A form without `From` is taken when it names the person by `ExternalUserId`: somebody who
    hides their number. Unknown fields are ignored.
    https://www.twilio.com/docs/messaging/guides/webhook-request
    """
    message_id, sender = form.get("MessageSid", ""), form.get("From", "")
    account = form.get("ExternalUserId", "")
    contact_id = account if _ACCOUNT.fullmatch(account) else sender
    if not message_id or not contact_id:
        return MISSING
    if not _MESSAGE_ID.fullmatch(message_id):
        return NO_MESSAGE_ID
    if sender and not _ADDRESS.fullmatch(sender):
        # What stands there for somebody who hides their number is not known yet.
        sender = contact_id if contact_id == account else ""
        if not sender:
            return NO_ADDRESS
    media, text = _media(form), _text(form)
    kind = _kind(form, media, text)
    return IncomingMessage(
        channel=CHANNEL,
        message_id=message_id,
        contact_id=contact_id,
        address=sender or contact_id,
        kind=kind,
        text="" if kind == "document" and _FILE_NAME.fullmatch(text) else text,
        media=media,
        quoted_id=_quoted_id(form),
        referral=_referral(form),
    )


def is_report(form: Mapping[str, str]) -> bool:
    """Tell whether a form reports on a message of ours instead of bringing one of a contact's."""
    status = form.get("MessageStatus", "").lower()
    return status != "" and status not in _INBOUND


def report_from(form: Mapping[str, str], part_id: str) -> DeliveryReport | Refusal | None:
    """Return a status callback as a report on the part that its address named.

    None when it names none, as for a message that was sent from Twilio's console.
    """
    message_id, status = form.get("MessageSid", ""), form.get("MessageStatus", "").lower()
    error = form.get("ErrorCode", "")
    if not message_id:
        return REPORT_MISSING
    if not _STATUS.fullmatch(status):
        return NO_STATUS
    if not _PART_ID.fullmatch(part_id):
        return None
    if not _MESSAGE_ID.fullmatch(message_id):
        return NO_MESSAGE_ID
    return DeliveryReport(
        part_id=part_id,
        provider_id=message_id,
        status=status,
        error=error if _ERROR.fullmatch(error) else "",
    )


def _text(form: Mapping[str, str]) -> str:
    found = (clean(form.get(name, "")).strip() for name in _WORDS)
    return next(filter(None, found), "")[:TEXT_LIMIT].rstrip()


def _media(form: Mapping[str, str]) -> tuple[Media, ...]:
    """WhatsApp carries one file a message, Twilio's form up to ten.

    Whether an address may be fetched is the fetcher's to judge; here it only must be one line of
    plain characters that can be kept. `NumMedia` is not needed to find them.
    """
    found = []
    for n in range(_MOST_MEDIA):
        url = form.get(f"MediaUrl{n}", "")
        if 0 < len(url) <= _MEDIA_URL_LIMIT and url.isascii() and url.isprintable():
            content_type = clean(form.get(f"MediaContentType{n}", "")).strip().lower()
            found.append(Media(url=url, content_type=content_type[:_CONTENT_TYPE_LIMIT]))
    return tuple(found)


def _kind(form: Mapping[str, str], media: tuple[Media, ...], text: str) -> Kind:
    """Tell what a message is, by what Twilio calls it, else by what it carries.

    A reaction is its emoji and an order its remark: answered as words, for people expect an
    answer to a thumbs-up, but not to be told that it cannot be read. Without words they are
    `other`, like a contact card (a file, to Twilio), a form, a poll and whatever comes next.
    """
    kind = _KINDS.get(form.get("MessageType", "").lower())
    if kind is None and media and not media[0].content_type.startswith(_CONTACT_CARDS):
        kind = _FAMILIES.get(media[0].content_type.partition("/")[0], "document")
    if kind is None and form.get("Latitude"):
        kind = "location"
    return kind or ("text" if text else "other")


def _quoted_id(form: Mapping[str, str]) -> str:
    quoted = form.get("OriginalRepliedMessageSid", "")
    return quoted if _MESSAGE_ID.fullmatch(quoted) else ""


def _referral(form: Mapping[str, str]) -> str:
    """Join the words of the advertisement that the contact tapped on, one line for each field.

    They are whoever's words, as data: each is one line, so that none can pass for another.
    """
    words = (
        " ".join(clean(form.get(name, "")).split())[:_REFERRAL_FIELD_LIMIT].rstrip()
        for name in _REFERRAL
    )
    return "\n".join(filter(None, words))
