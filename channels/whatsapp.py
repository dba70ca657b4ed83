"""The WhatsApp door: Twilio's webhook, from a signed form to a stored message."""

import logging

from flask import Blueprint, Response, request
from twilio.twiml.messaging_response import MessagingResponse
from werkzeug.datastructures import MultiDict

from agent.errors import StorageError
from agent.messages import TEXT_LIMIT, IncomingMessage, Kind, Media
from agent.text import clean
from channels.reception import Reception
from channels.twilio_signature import SignatureCheck

CHANNEL = "whatsapp"
_MOST_MEDIA = 10

_KINDS: dict[str, Kind] = {
    "text": "text",
    "button": "text",
    "interactive": "text",
    "audio": "audio",
    "image": "image",
    "video": "video",
    "document": "document",
    "sticker": "sticker",
    "location": "location",
}
_log = logging.getLogger(__name__)


def whatsapp_blueprint(reception: Reception, check: SignatureCheck | None) -> Blueprint:
    """Return the webhook; without a check (no auth token) the door stays closed."""
    blueprint = Blueprint("whatsapp", __name__, url_prefix="/webhook")

    @blueprint.post("/whatsapp")
    def receive() -> Response:
        if check is None:
            _log.error(
                "WhatsApp door is closed: TWILIO_AUTH_TOKEN is not set",
                extra={"action": "webhook_closed"},
            )
            return Response("TWILIO_AUTH_TOKEN is not set", 403, mimetype="text/plain")
        if not check.holds(request):
            _log.warning("webhook signature refused", extra={"action": "signature_refused"})
            return Response("wrong signature", 403, mimetype="text/plain")
        if "MessageStatus" in request.form:
            # A status callback that was pointed here: it is about our own message, and answering
            # it would be a talk with ourselves.
            return Response(status=204)
        message = parse(request.form)
        if message is None:
            return Response("MessageSid or From is missing", 400, mimetype="text/plain")
        try:
            answer = reception.receive(message)
        except StorageError:
            _log.exception("message not stored", extra={"action": "message_not_stored"})
            return Response("not stored, try again", 503, mimetype="text/plain")
        return _twiml(answer)

    return blueprint


def parse(form: MultiDict[str, str]) -> IncomingMessage | None:
    """Return Twilio's form as a message, or None when it names no message or no sender.

    https://www.twilio.com/docs/messaging/guides/webhook-request
    """
    message_id, sender = form.get("MessageSid", ""), form.get("From", "")
    contact_id = form.get("ExternalUserId") or sender
    if not message_id or not contact_id:
        return None
    media = _media(form)
    text = clean(form.get("ButtonText") or form.get("Body", "")).strip()[:TEXT_LIMIT]
    return IncomingMessage(
        channel=CHANNEL,
        message_id=message_id,
        contact_id=contact_id,
        address=sender or contact_id,
        kind=_kind(form, media, text),
        text=text,
        media=media,
    )


def _media(form: MultiDict[str, str]) -> tuple[Media, ...]:
    """WhatsApp carries one file a message, Twilio's form up to ten."""
    return tuple(
        Media(url=form[f"MediaUrl{n}"], content_type=form.get(f"MediaContentType{n}", "").lower())
        for n in range(_MOST_MEDIA)
        if form.get(f"MediaUrl{n}")
    )


def _kind(form: MultiDict[str, str], media: tuple[Media, ...], text: str) -> Kind:
    kind = _KINDS.get(form.get("MessageType", "").lower())
    if kind is not None:
        return kind
    if media:
        family = media[0].content_type.partition("/")[0]
        return _KINDS.get(family, "document")
    if form.get("Latitude"):
        return "location"
    return "text" if text else "other"


def _twiml(answer: str | None) -> Response:
    twiml = MessagingResponse()
    if answer is not None:
        twiml.message(answer)
    return Response(str(twiml), mimetype="text/xml")
