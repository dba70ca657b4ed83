"""The simulator: a phone chat in the browser, one more channel beside WhatsApp."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from flask import Blueprint, Response, jsonify, render_template, request, send_from_directory
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, HTTPException, NotFound

from agent.messages import TEXT_LIMIT, IncomingMessage
from agent.text import clean
from channels.simulator_guard import Guard, harden
from channels.uploads import Uploads

CHANNEL = "simulator"
#: Largest request body, in bytes, of a text and of a recording: the two minutes that the page
#: allows take 290 kB at the rate it asks for, which a browser need not heed.
BODY_LIMIT = 64 * 1024
RECORDING_LIMIT = 512 * 1024
#: Below it a recording is played to whoever made it.
RECORDINGS = "/simulator/recordings"

_PAGE = Path(__file__).parent / "page"
_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
# Fifteen digits stay below both SQLite's integers and JavaScript's exact ones.
_VERSION = re.compile(r"[0-9]{1,15}")
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bubble:
    """One message as the chat shows it."""

    #: Stable while the bubble lives, and unique in its conversation.
    id: str
    side: Literal["me", "clone"]
    text: str
    #: Where its recording is played from; empty for a text.
    audio: str = ""
    #: Unix seconds.
    at: float
    #: `stored`, `read`, `answered` for mine; `sent` for the clone's.
    status: Literal["stored", "read", "answered", "sent"]
    #: The turn it belongs to, empty while it has none.
    turn_id: str = ""
    #: Grows with every change in the conversation, so that the page asks for news only.
    version: int


class Conversation(Protocol):
    """What the page needs from the clone: a place to put messages and a view of the replies."""

    def receive(self, message: IncomingMessage) -> str | None:
        """Store a message once by its id and wake the worker; returns a shortcut's answer."""
        ...

    def timeline(self, contact_id: str, after: int) -> Sequence[Bubble]:
        """Return the bubbles that changed since version `after`; 0 asks for all."""
        ...

    def is_typing(self, contact_id: str) -> bool:
        """Tell whether a turn of this contact is being answered right now."""
        ...

    def trace(self, contact_id: str, turn_id: str) -> Mapping[str, object] | None:
        """Return what happened in a turn of this contact as JSON values, or None.

        Keys: `route` (node names), `passages` (`document`, `section`, `excerpt`, `score`, `used`),
        `model`, `seconds`, `usage`, `status` (`done`, `failed`, `held`) and `error`.
        """
        ...


def simulator_blueprint(
    *,
    conversation: Conversation,
    uploads: Uploads,
    persona_name: str,
    languages: tuple[str, ...],
    token: str | None,
) -> Blueprint:
    """Return the page at `/` and its routes below `/simulator/`.

    Without `token` they answer only a browser on this machine, through no proxy. With it they
    answer whoever has opened `/?token=…` once.
    """
    blueprint = Blueprint("simulator", __name__, template_folder=str(_PAGE))
    guard = Guard(token)
    blueprint.before_request(guard.admit)
    blueprint.after_request(harden)
    blueprint.register_error_handler(HTTPException, _explain)

    @blueprint.get("/")
    def page() -> ResponseReturnValue:
        html = render_template(
            "simulator.html", name=persona_name, initials=_initials(persona_name), langs=languages
        )
        return guard.remember(Response(html, mimetype="text/html"))

    @blueprint.get("/simulator/<asset>")
    def assets(asset: str) -> ResponseReturnValue:
        return _file(asset)

    _add_conversation(blueprint, conversation)
    _add_recordings(blueprint, conversation, uploads)
    return blueprint


def _add_conversation(blueprint: Blueprint, conversation: Conversation) -> None:
    """Add the routes by which a text comes in, and the page follows what becomes of it."""

    @blueprint.post("/simulator/messages")
    def receive() -> ResponseReturnValue:
        message = _parse()
        conversation.receive(message)
        return jsonify(id=message.message_id, text=message.text), 202

    @blueprint.get("/simulator/messages")
    def timeline() -> ResponseReturnValue:
        contact = _identifier(request.args.get("conversation"), "conversation")
        after = request.args.get("after", "0")
        if not _VERSION.fullmatch(after):
            raise BadRequest("`after` must be a whole number from 0 up.")
        bubbles = [asdict(bubble) for bubble in conversation.timeline(contact, int(after))]
        return jsonify(bubbles=bubbles, typing=conversation.is_typing(contact))

    @blueprint.get("/simulator/turns/<turn_id>")
    def turn(turn_id: str) -> ResponseReturnValue:
        contact = _identifier(request.args.get("conversation"), "conversation")
        trace = conversation.trace(contact, _identifier(turn_id, "turn"))
        if trace is None:
            raise NotFound("This conversation has no such turn.")
        return jsonify(trace)


def _add_recordings(blueprint: Blueprint, conversation: Conversation, uploads: Uploads) -> None:
    """Add the routes by which a recording comes in, and is played to whoever made it."""

    @blueprint.post(RECORDINGS)
    def record() -> ResponseReturnValue:
        message = _parse_recording(uploads)
        conversation.receive(message)
        return jsonify(id=message.message_id, text=message.text), 202

    @blueprint.get(f"{RECORDINGS}/<name>")
    def play(name: str) -> ResponseReturnValue:
        audio = uploads.read(name)
        if audio is None:
            raise NotFound("This recording is not kept any more.")
        return Response(audio.data, mimetype=audio.content_type)


def _file(asset: str) -> Response:
    mimetype = _TYPES.get(Path(asset).suffix)
    if mimetype is None:
        raise NotFound("There is no such file.")
    return send_from_directory(_PAGE, asset, mimetype=mimetype)


def _parse() -> IncomingMessage:
    """Read one message from the request's JSON; raises `BadRequest` with one sentence."""
    request.max_content_length = BODY_LIMIT
    if not request.is_json:
        raise BadRequest("Send the message as application/json.")
    try:
        body = json.loads(request.get_data())
    except (ValueError, RecursionError):
        raise BadRequest("The body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object.")
    return _message(body, kind="text", text=_text(body.get("text")))


def _parse_recording(uploads: Uploads) -> IncomingMessage:
    """Read one recording from the request's body; raises `BadRequest` with one sentence."""
    request.max_content_length = RECORDING_LIMIT
    # Another site's form cannot send this type.
    if not request.mimetype.startswith("audio/"):
        raise BadRequest("Send the recording with its own media type, `audio/…`.")
    message = _message(request.args, kind="audio", text="")
    media = uploads.keep(request.get_data())
    if media is None:
        raise BadRequest("The body is not a recording of a known kind.")
    return replace(message, media=(media,))


def _message(
    told: Mapping[str, object], *, kind: Literal["text", "audio"], text: str
) -> IncomingMessage:
    contact = _identifier(told.get("conversation"), "conversation")
    return IncomingMessage(
        channel=CHANNEL,
        message_id=_identifier(told.get("id"), "id"),
        contact_id=contact,
        address=contact,
        kind=kind,
        text=text,
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise BadRequest("`text` must be a string.")
    if len(value) > TEXT_LIMIT:
        raise BadRequest(f"`text` may have at most {TEXT_LIMIT} characters.")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise BadRequest("`text` holds half a character (a lone surrogate).")
    text = clean(value).strip()
    if not text:
        raise BadRequest("`text` must not be empty.")
    return text


def _identifier(value: object, name: str) -> str:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise BadRequest(f"`{name}` must be 8 to 64 letters, digits, `_` or `-`.")
    return value


def _initials(name: str) -> str:
    words = [word for word in re.split(r"[\s-]+", name) if word[:1].isalpha()]
    capitals = [word for word in words if word[0].isupper()] or words
    return "".join(word[0] for word in (capitals[:1] + capitals[1:][-1:])).upper() or "?"


def _explain(error: HTTPException) -> ResponseReturnValue:
    if request.endpoint == "simulator.page":
        return Response(f"{error.description}\n", status=error.code, mimetype="text/plain")
    return jsonify(error=error.description), error.code or 500
