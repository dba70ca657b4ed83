"""The simulator's door: what it lets in, what it refuses and what it answers."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from agent.errors import PermanentError
from agent.messages import Audio, IncomingMessage, Media, Reply
from channels.conversation import StoredConversation
from channels.database import Database
from channels.home import home_blueprint
from channels.inbox import Inbox
from channels.media_store import MediaStore
from channels.outbox import Draft, Outbox
from channels.reception import Reception
from channels.recordings import SimulatorRecordings
from channels.simulator import RECORDING_LIMIT, Bubble, simulator_blueprint
from channels.steps import Run
from channels.turns import Turns
from channels.uploads import Uploads
from tests.desk import KEYS
from tests.fakes import DOOR, ManualClock
from tests.sounds import sound

CONTACT = "contact-1"
TURN = "turn-0001"
BUBBLE = Bubble(
    id="reply-01", side="clone", text="Olá!", at=1.5, status="sent", turn_id=TURN, version=7
)


@dataclass
class FakeConversation:
    """Keeps what it receives and has one reply and one turn to show."""

    received: list[IncomingMessage] = field(default_factory=list)

    def receive(self, message: IncomingMessage) -> str | None:
        self.received.append(message)
        return None

    def timeline(self, contact_id: str, after: int) -> Sequence[Bubble]:
        return [BUBBLE] if contact_id == CONTACT and BUBBLE.version > after else []

    def is_typing(self, contact_id: str) -> bool:
        return contact_id == CONTACT

    def trace(self, contact_id: str, turn_id: str) -> Mapping[str, object] | None:
        return {"route": ["understand"]} if (contact_id, turn_id) == (CONTACT, TURN) else None


@pytest.fixture
def conversation() -> FakeConversation:
    """The clone behind the door."""
    return FakeConversation()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MediaStore]:
    """Where recordings are kept."""
    database = Database(tmp_path / "clone.db")
    yield MediaStore(database, tmp_path / "media")
    database.close()


@pytest.fixture
def client(conversation: FakeConversation, store: MediaStore) -> FlaskClient:
    """A browser on this machine."""
    return browser(conversation, store)


def browser(
    conversation: FakeConversation, store: MediaStore, token: str | None = None
) -> FlaskClient:
    """Open the page's routes in front of a conversation."""
    app = Flask(__name__)
    # As in the house, where a webhook is short.
    app.config["MAX_CONTENT_LENGTH"] = 256 * 1024
    blueprint = simulator_blueprint(
        conversation=conversation,
        uploads=Uploads(store),
        persona_name="Ana <Souza>",
        languages=("pt", "es"),
        token=token,
    )
    app.register_blueprint(blueprint)
    return app.test_client()


def send(client: FlaskClient, **changes: Any) -> TestResponse:
    """Post a message that is right but for the changes."""
    body = {"conversation": CONTACT, "id": "message-1", "text": "Oi", **changes}
    return client.post("/simulator/messages", json=body)


def test_a_message_reaches_the_clone_as_one_of_the_channel(
    client: FlaskClient, conversation: FakeConversation
) -> None:
    """A posted text arrives as an inert message of the channel `simulator`."""
    response = send(client, text="  Quem é você?\r\n ")

    assert response.status_code == 202
    assert response.json == {"id": "message-1", "text": "Quem é você?"}
    assert conversation.received == [
        IncomingMessage(
            channel="simulator",
            message_id="message-1",
            contact_id=CONTACT,
            address=CONTACT,
            kind="text",
            text="Quem é você?",
        )
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"text": ""},
        {"text": " \n\u200b"},
        {"text": "a" * 4001},
        {"text": "\ud800"},
        {"text": None},
        {"text": ["oi"]},
        {"text": 7},
        {"id": "short"},
        {"id": "a" * 65},
        {"id": "has space"},
        {"id": "message-1\n"},
        {"id": "mensagem-é"},
        {"id": 12345678},
        {"conversation": None},
        {"conversation": "../../etc"},
        {"conversation": "\ud800" * 8},
    ],
)
def test_a_wrong_field_is_refused_with_a_sentence(
    client: FlaskClient, conversation: FakeConversation, changes: dict[str, Any]
) -> None:
    """Every wrong field gets 400 and a sentence, and nothing is stored."""
    response = send(client, **changes)

    assert response.status_code == 400
    assert response.json is not None
    assert response.json["error"].endswith((".", ")."))
    assert conversation.received == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"[]", b'"oi"', b"\xff\xfe\xfa", b"[" * 60_000, b"9" * 5_000],
)
def test_a_body_that_is_no_object_is_refused(client: FlaskClient, body: bytes) -> None:
    """What is not a JSON object gets 400, however strange."""
    response = client.post("/simulator/messages", data=body, content_type="application/json")

    assert response.status_code == 400


def test_a_form_of_another_site_is_refused(client: FlaskClient) -> None:
    """A body that a plain HTML form could send is not read as a message."""
    body = json.dumps({"conversation": CONTACT, "id": "message-1", "text": "Oi"})

    assert (
        client.post("/simulator/messages", data=body, content_type="text/plain").status_code == 400
    )


def test_a_large_body_is_refused(client: FlaskClient) -> None:
    """A body above 64 KB gets 413."""
    assert send(client, padding="a" * 65_536).status_code == 413


def upload(client: FlaskClient, data: bytes, **changes: str) -> TestResponse:
    """Post a recording that is right but for the changes."""
    query = {"conversation": CONTACT, "id": "message-1", **changes}
    content_type = query.pop("content_type", "audio/webm;codecs=opus")
    return client.post(
        "/simulator/recordings", query_string=query, data=data, content_type=content_type
    )


@pytest.mark.parametrize(
    ("name", "content_type"),
    [("chromium.webm", "audio/webm"), ("voice_note.ogg", "audio/ogg"), ("short.mp3", "audio/mpeg")],
)
async def test_a_recording_reaches_the_clone_and_whoever_hears_it(
    client: FlaskClient,
    conversation: FakeConversation,
    store: MediaStore,
    name: str,
    content_type: str,
) -> None:
    """A recording arrives as what its bytes are, is played to its maker, and heard as it was."""
    response = upload(client, sound(name))

    assert response.status_code == 202
    assert response.json == {"id": "message-1", "text": ""}
    (message,) = conversation.received
    assert (message.kind, message.text, message.contact_id) == ("audio", "", CONTACT)
    (media,) = message.media
    assert media.content_type == content_type
    kept = Audio(data=sound(name), content_type=content_type)
    assert await SimulatorRecordings(store).fetch(media) == kept
    played = client.get(f"/simulator/recordings/{media.url.removeprefix('simulator:')}")
    assert (played.data, played.content_type) == (kept.data, content_type)


@pytest.mark.parametrize(
    ("data", "changes"),
    [
        (b"", {}),
        (b"<script>alert(1)</script>", {}),
        (b"\x89PNG\r\n\x1a\n", {}),
        (sound("voice_note.ogg"), {"content_type": "text/plain"}),
        (sound("voice_note.ogg"), {"content_type": "application/x-www-form-urlencoded"}),
        (sound("voice_note.ogg"), {"content_type": "multipart/form-data; boundary=x"}),
        (sound("voice_note.ogg"), {"id": "short"}),
        (sound("voice_note.ogg"), {"conversation": "../../etc"}),
    ],
)
def test_a_wrong_recording_is_refused(
    client: FlaskClient,
    conversation: FakeConversation,
    store: MediaStore,
    data: bytes,
    changes: dict[str, str],
) -> None:
    """What is no sound, comes as a form would, or is nobody's, gets 400, and nothing is kept."""
    response = upload(client, data, **changes)

    assert response.status_code == 400
    assert response.json is not None
    assert response.json["error"].endswith(".")
    assert conversation.received == []
    assert store.oldest() is None


def test_a_recording_may_be_longer_than_a_webhook(client: FlaskClient) -> None:
    """Two minutes of speech pass; above 512 KiB a recording gets 413."""
    padding = bytes(RECORDING_LIMIT - len(sound("voice_note.ogg")))

    assert upload(client, sound("voice_note.ogg") + padding).status_code == 202
    assert upload(client, sound("voice_note.ogg") + padding + b"x").status_code == 413


@pytest.mark.parametrize(
    "name",
    ["none.ogg", f"{'a' * 22}.ogg", "..%2F..%2Fclone.db", "%2e%2e%2fclone.db", "%00", "a" * 5000],
)
def test_no_other_file_is_played(client: FlaskClient, name: str) -> None:
    """What is not the name of a kept recording is not found."""
    upload(client, sound("voice_note.ogg"))

    assert client.get(f"/simulator/recordings/{name}").status_code == 404


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1", "media_refused"),
        ("file:///etc/passwd", "media_refused"),
        ("", "media_refused"),
        ("simulator:../clone.db", "media_gone"),
        (f"simulator:{'a' * 22}.ogg", "media_gone"),
    ],
)
async def test_only_recordings_of_the_simulator_are_brought(
    store: MediaStore, url: str, code: str
) -> None:
    """Any other address is refused, and a recording that is gone is not waited for."""
    with pytest.raises(PermanentError) as caught:
        await SimulatorRecordings(store).fetch(Media(url=url, content_type="audio/ogg"))

    assert caught.value.code == code


async def test_recordings_of_other_channels_are_left_to_their_own(store: MediaStore) -> None:
    """What is not the simulator's is fetched by whoever keeps it, if there is somebody."""
    theirs = Audio(data=b"theirs", content_type="audio/ogg")
    asked: list[Media] = []

    class Others:
        async def fetch(self, media: Media) -> Audio:
            asked.append(media)
            return theirs

    media = Media(url="https://api.twilio.com/media", content_type="audio/ogg")

    assert await SimulatorRecordings(store, Others()).fetch(media) == theirs
    assert asked == [media]


def test_the_conversation_shows_what_was_recorded_and_what_was_spoken(tmp_path: Path) -> None:
    """A bubble of a recording tells where it is played from; one of words tells nothing."""
    database, clock = Database(tmp_path / "clone.db"), ManualClock()
    inbox, outbox = Inbox(database, KEYS, clock), Outbox(database, clock)
    turns = Turns(database, 1.0, clock)
    page = StoredConversation(database, KEYS, Reception(inbox, DOOR, lambda: None))
    page.receive(
        IncomingMessage(
            channel="simulator",
            message_id="message-1",
            contact_id=CONTACT,
            address=CONTACT,
            kind="audio",
            text="",
            media=(Media(url="simulator:abc.webm", content_type="audio/webm"),),
        )
    )
    clock.advance(1.0)
    contact = KEYS.contact("simulator", CONTACT)
    step = turns.next(contact)
    assert isinstance(step, Run)
    spoken = Draft("Foi em Paris.", "ogg", "abc.1.def.ogg")
    turns.finish(step.turn, Reply(text="Foi em Paris."), [spoken, Draft("https://exemplo.com")])
    while (part := outbox.next(contact)) is not None:
        clock.advance(1.0)
        outbox.sent(part, part.id)

    shown = [(bubble.side, bubble.text, bubble.audio) for bubble in page.timeline(CONTACT, 0)]

    assert shown == [
        ("me", "", "/simulator/recordings/abc.webm"),
        ("clone", "Foi em Paris.", "/media/abc.1.def.ogg"),
        ("clone", "https://exemplo.com", ""),
    ]
    database.close()


def test_the_timeline_gives_what_changed(client: FlaskClient) -> None:
    """The timeline holds the bubbles changed since the version asked for, and who types."""
    asked = client.get(f"/simulator/messages?conversation={CONTACT}&after=6").json
    again = client.get(f"/simulator/messages?conversation={CONTACT}&after=7").json

    assert asked == {
        "bubbles": [
            {
                "id": "reply-01",
                "side": "clone",
                "text": "Olá!",
                "audio": "",
                "at": 1.5,
                "status": "sent",
                "turn_id": TURN,
                "version": 7,
            }
        ],
        "typing": True,
    }
    assert again == {"bubbles": [], "typing": True}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "conversation=x",
        f"conversation={CONTACT}&after=-1",
        f"conversation={CONTACT}&after=1e3",
        f"conversation={CONTACT}&after={'9' * 20}",
        f"conversation={CONTACT}&after=%D9%A1",
    ],
)
def test_a_wrong_question_for_the_timeline_is_refused(client: FlaskClient, query: str) -> None:
    """A missing conversation or a version that is no plain number gets 400."""
    assert client.get(f"/simulator/messages?{query}").status_code == 400


def test_a_turn_is_told_to_its_own_conversation_only(client: FlaskClient) -> None:
    """The record of a turn is given to its conversation; others, and unknown turns, get 404."""
    own = client.get(f"/simulator/turns/{TURN}?conversation={CONTACT}")

    assert own.json == {"route": ["understand"]}
    assert client.get(f"/simulator/turns/{TURN}?conversation=contact-2").status_code == 404
    assert client.get(f"/simulator/turns/turn-0002?conversation={CONTACT}").status_code == 404
    assert client.get(f"/simulator/turns/x?conversation={CONTACT}").status_code == 400


def test_the_page_names_the_person_as_text(client: FlaskClient) -> None:
    """The page bears the escaped name, the initials and the languages, and nothing inline."""
    html = client.get("/").text

    assert "Ana &lt;Souza&gt;" in html
    assert 'data-languages="pt es"' in html
    assert ">A<" in html
    assert "<script>" not in html
    assert "style=" not in html


@pytest.mark.parametrize(
    ("asset", "mimetype"),
    [
        ("simulator.css", "text/css"),
        ("simulator.js", "text/javascript"),
        ("simulator.svg", "image/svg+xml"),
    ],
)
def test_the_files_of_the_page_are_served(client: FlaskClient, asset: str, mimetype: str) -> None:
    """Each file of the page comes with its exact type, and is not sent twice unchanged."""
    with client.get(f"/simulator/{asset}") as response:
        assert response.status_code == 200
        assert response.mimetype == mimetype
        known = {"If-None-Match": response.headers["ETag"]}
    with client.get(f"/simulator/{asset}", headers=known) as again:
        assert again.status_code == 304


@pytest.mark.parametrize(
    "path", ["simulator.html", "home.html", "..%2Fsimulator.py", "%2e%2e%2fsimulator.py", "no.css"]
)
def test_no_other_file_is_served(client: FlaskClient, path: str) -> None:
    """Templates, code and unknown names are not found."""
    assert client.get(f"/simulator/{path}").status_code == 404


ROUTES = ["/", "/simulator/simulator.js", f"/simulator/messages?conversation={CONTACT}"]
ROUTES += [f"/simulator/turns/{TURN}?conversation={CONTACT}", "/simulator/recordings/none.ogg"]


@pytest.mark.parametrize("path", ROUTES)
def test_every_answer_is_hardened(client: FlaskClient, path: str) -> None:
    """Every route forbids foreign content, frames, sniffing and the keeping of conversations."""
    with client.get(path) as response:
        headers = response.headers

    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self'; media-src 'self' blob:;")
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == ("no-cache" if path.endswith(".js") else "no-store")


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "localhost:8080@evil.example"},
        {"Host": "192.168.0.7:8080"},
        {"X-Forwarded-For": "1.2.3.4"},
        {"X-Forwarded-Host": "localhost"},
        {"Forwarded": "for=1.2.3.4"},
        {"X-Real-IP": "1.2.3.4"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:9999"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_strangers_are_refused(client: FlaskClient, path: str, headers: dict[str, str]) -> None:
    """A foreign host name, a proxy or another site gets 403 at every route."""
    assert client.get(path, headers=headers).status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8080", "LOCALHOST", "[::1]:8080"])
def test_this_machine_is_admitted_by_each_of_its_names(client: FlaskClient, host: str) -> None:
    """A loopback name with any port is admitted, with an Origin of its own."""
    headers = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}

    assert client.get(ROUTES[2], headers=headers).status_code == 200


def test_a_link_on_another_site_may_lead_to_the_page(client: FlaskClient) -> None:
    """Following a link opens the page; the same headers open nothing else, and no frame."""
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}

    assert client.get("/", headers={**link, "Sec-Fetch-Dest": "document"}).status_code == 200
    assert client.get("/", headers={**link, "Sec-Fetch-Dest": "iframe"}).status_code == 403
    assert client.get(ROUTES[2], headers={**link, "Sec-Fetch-Dest": "document"}).status_code == 403


def test_the_token_opens_the_simulator_to_one_browser(
    conversation: FakeConversation, store: MediaStore
) -> None:
    """With a token every route needs it; shown once in the address it becomes a strict cookie."""
    client = browser(conversation, store, "segredo-é")
    away = {"Host": "clone.example", "X-Forwarded-For": "1.2.3.4"}
    assert [client.get(path, headers=away).status_code for path in ROUTES] == [403] * len(ROUTES)

    opened = client.get("/?token=segredo-%C3%A9", headers=away)

    cookie = opened.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    client.set_cookie("clone_simulator", "segredo-é", domain="clone.example")
    assert client.get(ROUTES[2], headers=away).status_code == 200
    other = {**away, "Origin": "https://evil.example"}
    assert client.get(ROUTES[2], headers=other).status_code == 403


@pytest.mark.parametrize("given", ["", "?token=", "?token=wrong", "?token=segredo-e", "?token=%FF"])
def test_a_wrong_token_opens_nothing(
    conversation: FakeConversation, store: MediaStore, given: str
) -> None:
    """A wrong token gets 403 and no cookie, also on this machine, and none opens the API."""
    response = browser(conversation, store, "segredo").get(f"/{given}")

    assert response.status_code == 403
    assert "Set-Cookie" not in response.headers
    assert "address printed" in response.text


def test_the_token_in_the_address_opens_the_page_only(
    conversation: FakeConversation, store: MediaStore
) -> None:
    """The routes of the conversation take the cookie, never a token in the address."""
    client = browser(conversation, store, "segredo")

    assert client.get(f"{ROUTES[2]}&token=segredo").status_code == 403


def test_the_plain_page_tells_what_to_do_next() -> None:
    """Without the simulator the page says in both languages that the clone runs, and no more."""
    app = Flask(__name__)
    app.register_blueprint(home_blueprint())

    response = app.test_client().get("/", headers={"Host": "clone.example"})

    assert response.status_code == 200
    assert "O clone está no ar" in response.text
    assert "The clone is running" in response.text
    assert "<script" not in response.text
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
