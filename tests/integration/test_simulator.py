"""The simulator's door: what it lets in, what it refuses and what it answers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from agent.messages import IncomingMessage
from channels.home import home_blueprint
from channels.simulator import Bubble, simulator_blueprint

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
def client(conversation: FakeConversation) -> FlaskClient:
    """A browser on this machine."""
    return browser(conversation)


def browser(conversation: FakeConversation, **options: Any) -> FlaskClient:
    """Open the page's routes in front of a conversation, with other settings if given."""
    app = Flask(__name__)
    settings = {"persona_name": "Ana <Souza>", "languages": ("pt", "es"), "token": None, **options}
    app.register_blueprint(simulator_blueprint(conversation=conversation, **settings))
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
ROUTES += [f"/simulator/turns/{TURN}?conversation={CONTACT}"]


@pytest.mark.parametrize("path", ROUTES)
def test_every_answer_is_hardened(client: FlaskClient, path: str) -> None:
    """Every route forbids foreign content, frames, sniffing and the keeping of conversations."""
    with client.get(path) as response:
        headers = response.headers

    assert headers["Content-Security-Policy"].startswith("default-src 'self';")
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


def test_the_token_opens_the_simulator_to_one_browser(conversation: FakeConversation) -> None:
    """With a token every route needs it; shown once in the address it becomes a strict cookie."""
    client = browser(conversation, token="segredo-é")
    away = {"Host": "clone.example", "X-Forwarded-For": "1.2.3.4"}
    assert [client.get(path, headers=away).status_code for path in ROUTES] == [403] * 4

    opened = client.get("/?token=segredo-%C3%A9", headers=away)

    cookie = opened.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    client.set_cookie("clone_simulator", "segredo-é", domain="clone.example")
    assert client.get(ROUTES[2], headers=away).status_code == 200
    other = {**away, "Origin": "https://evil.example"}
    assert client.get(ROUTES[2], headers=other).status_code == 403


@pytest.mark.parametrize("given", ["", "?token=", "?token=wrong", "?token=segredo-e", "?token=%FF"])
def test_a_wrong_token_opens_nothing(conversation: FakeConversation, given: str) -> None:
    """A wrong token gets 403 and no cookie, also on this machine, and none opens the API."""
    response = browser(conversation, token="segredo").get(f"/{given}")

    assert response.status_code == 403
    assert "Set-Cookie" not in response.headers
    assert "address printed" in response.text


def test_the_token_in_the_address_opens_the_page_only(conversation: FakeConversation) -> None:
    """The routes of the conversation take the cookie, never a token in the address."""
    client = browser(conversation, token="segredo")

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
