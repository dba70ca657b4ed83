"""The WhatsApp door: Twilio's webhooks, from a signed form to a stored message or report."""

import logging

from flask import Blueprint, Response, request
from twilio.twiml.messaging_response import MessagingResponse

from agent.errors import StorageError
from channels.reception import Reception
from channels.reports import ReportTaker
from channels.twilio_form import Refusal, is_report, message_from, report_from
from channels.twilio_signature import SignatureCheck

#: The query field of a status callback's address that names our part.
PART_FIELD = "o"
#: Twilio sends some thirty fields; sorting and hashing many thousands would cost a stranger little
#: and us a third of a second.
_MOST_FIELDS = 200

_log = logging.getLogger(__name__)


def whatsapp_blueprint(
    reception: Reception, reports: ReportTaker, check: SignatureCheck | None
) -> Blueprint:
    """Return the webhooks; without a check (no auth token) the door stays closed."""
    blueprint = Blueprint("whatsapp", __name__, url_prefix="/webhook/whatsapp")

    @blueprint.before_request
    def admit() -> Response | None:
        # Before every route of this door, so that none can forget it.
        return _turned_away(check)

    @blueprint.post("")
    def receive() -> Response:
        if is_report(request.form):
            # A callback that was pointed here: answering it would be a talk with ourselves.
            return report()
        message = message_from(request.form)
        if isinstance(message, Refusal):
            return _refused(message)
        try:
            answer = reception.receive(message)
        except StorageError:
            _log.exception("message not stored", extra={"action": "message_not_stored"})
            return _plain("not stored, try again", 503)
        return _twiml(answer)

    @blueprint.post("/status")
    def report() -> Response:
        found = report_from(request.form, request.args.get(PART_FIELD, ""))
        if isinstance(found, Refusal):
            return _refused(found)
        if found is None:
            _log.info("report on no part of ours", extra={"action": "report_ignored"})
            return Response(status=204)
        try:
            reports.take(found)
        except StorageError:
            _log.exception(
                "report not stored",
                extra={"action": "report_not_stored", "part_id": found.part_id},
            )
            return _plain("not stored, try again", 503)
        return Response(status=204)

    return blueprint


def _turned_away(check: SignatureCheck | None) -> Response | None:
    """Return the refusal of a request that Twilio did not sign with our token."""
    if check is None:
        _log.error(
            "WhatsApp door is closed: TWILIO_AUTH_TOKEN is not set",
            extra={"action": "webhook_closed"},
        )
        return _plain("TWILIO_AUTH_TOKEN is not set", 403)
    if sum(len(values) for _, values in request.form.lists()) > _MOST_FIELDS:
        _log.warning("form refused unread", extra={"action": "form_refused", "reason": "fields"})
        return _plain("too many fields", 413)
    if not check.holds(request):
        _log.warning("webhook signature refused", extra={"action": "signature_refused"})
        return _plain("wrong signature", 403)
    return None


def _refused(refusal: Refusal) -> Response:
    _log.warning("signed form refused", extra={"action": "form_refused", "reason": refusal.reason})
    return _plain(refusal.sentence, 400)


def _plain(sentence: str, status: int) -> Response:
    return Response(sentence, status, mimetype="text/plain")


def _twiml(answer: str | None) -> Response:
    twiml = MessagingResponse()
    if answer is not None:
        twiml.message(answer)
    return Response(str(twiml), mimetype="text/xml")
