"""The least that could answer Twilio: the yardstick of the idle benchmark."""

from flask import Flask, Response
from twilio.twiml.messaging_response import MessagingResponse


def create_app() -> Flask:
    """Return an application of one route that answers TwiML."""
    app = Flask(__name__)

    @app.post("/webhook/whatsapp")
    def webhook() -> Response:
        twiml = MessagingResponse()
        twiml.message("Olá!")
        return Response(str(twiml), mimetype="text/xml")

    @app.get("/healthz")
    def healthz() -> str:
        return "ok"

    return app
