"""The WhatsApp door: really signed requests against the whole web application."""

import contextlib
import http.client
import io
import json
import logging
import random
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from twilio.request_validator import RequestValidator
from waitress.server import create_server
from werkzeug.test import TestResponse

from agent.keys import Keys
from agent.logs import configure_logging
from agent.messages import TEXT_LIMIT
from agent.settings import Secret, Settings
from channels.database import Database
from channels.web import build_web
from tests.standins.twilio import AUTH_TOKEN, CLONE_NUMBER
from tests.standins.webhooks import inbound_form, media_form, signed, status_form

PATH = "/webhook/whatsapp"
BASE = "https://clone.example"
EMPTY = '<?xml version="1.0" encoding="UTF-8"?><Response />'
GREETING = "Olá! <Como> vai & tudo?"
KEYS = Keys(Secret("k" * 32))


class FakeDispatcher:
    """Counts wakes instead of starting processes."""

    def __init__(self) -> None:
        self.wakes = 0

    def wake(self) -> None:
        """Count."""
        self.wakes += 1

    def resume(self) -> None:
        """Nothing was left behind."""


class Door:
    """The web application over a database of its own, and Twilio before it."""

    def __init__(self, data: Path, **env: str) -> None:
        self.settings = Settings.from_env(
            {"TWILIO_AUTH_TOKEN": AUTH_TOKEN, "PUBLIC_BASE_URL": BASE, "CLONE_DATA": str(data)}
            | env
        )
        self.database = Database(data / "clone.db")
        self.dispatcher = FakeDispatcher()
        self.app: Flask = build_web(
            settings=self.settings,
            name="Ana",
            languages=("pt",),
            shortcuts={"oi": GREETING},
            keys=KEYS,
            database=self.database,
            dispatcher=self.dispatcher,  # type: ignore[arg-type]
            simulator=False,
        )
        self.client: FlaskClient = self.app.test_client()

    def post(
        self,
        form: Mapping[str, str],
        *,
        path: str = PATH,
        url: str | None = None,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> TestResponse:
        """Post a form signed for an address, by default the public one; `headers` replace."""
        given = signed(BASE + path if url is None else url, form) if headers is None else headers
        return self.client.post(path, data=dict(form), headers=dict(given), **options)

    def rows(self, query: str = "SELECT message, answer FROM inbox") -> list[tuple[Any, ...]]:
        """Return what a query finds, as plain tuples."""
        with self.database.read() as connection:
            return [tuple(row.values()) for row in connection.execute(query)]

    def stored(self) -> dict[str, Any]:
        """Return the only message."""
        ((message, _),) = self.rows()
        return dict(json.loads(message))


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """A door with its usual settings."""
    door = Door(tmp_path)
    yield door
    door.database.close()


def open_door(tmp_path: Path, **env: str) -> Door:
    """Return a door with other settings."""
    return Door(tmp_path, **env)


def test_a_signed_message_is_stored_and_wakes(door: Door) -> None:
    """A right request is answered with empty TwiML once its message is in the database."""
    answer = door.post(inbound_form("Olá, quem é você?"))

    assert (answer.status_code, answer.text, answer.mimetype) == (200, EMPTY, "text/xml")
    assert door.stored()["text"] == "Olá, quem é você?"
    assert door.dispatcher.wakes == 1


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"X-Twilio-Signature": ""},
        {"X-Twilio-Signature": "c2lnbmF0dXJl"},
        {"X-Twilio-Signature": "assinatura-é-ñ"},
        {"X-Twilio-Signature": "\xff\xfe"},
        {"X-Twilio-Signature": "="},
        {"X-Twilio-Signature": "a" * 8000},
    ],
)
def test_a_request_that_is_not_signed_is_refused(door: Door, given: dict[str, str]) -> None:
    """A missing, empty, wrong or non-ASCII signature gets 403, and nothing is stored."""
    answer = door.post(inbound_form(), headers=given)

    assert answer.status_code == 403
    assert door.rows() == []
    assert door.dispatcher.wakes == 0


def test_no_change_of_a_signed_request_is_accepted(door: Door) -> None:
    """Dropped, altered and added fields, another path, query or token: all refused."""
    form, chance = inbound_form("olá", Empty=""), random.Random(7)
    right = signed(BASE + PATH, form)
    for _ in range(300):
        changed, name = dict(form), chance.choice(list(form))
        match chance.randrange(3):
            case 0:
                del changed[name]
            case 1:
                changed[name] += chance.choice((" ", "\x00", "é", "&", "="))
            case 2:
                changed[name + chance.choice("xX_ ")] = chance.choice(("", "1"))
        assert door.post(changed, headers=right).status_code == 403
    assert door.post(form, path=f"{PATH}?x=1", headers=right).status_code == 403
    assert door.post(form, headers=signed(f"{BASE}/webhook", form)).status_code == 403
    assert door.post(form, headers=signed(BASE + PATH, form, "token")).status_code == 403
    assert door.rows() == []

    assert door.post(form, headers=right).status_code == 200


@pytest.mark.parametrize(
    ("base", "signed_for"),
    [
        (BASE, f"{BASE}:443{PATH}"),
        (f"{BASE}:443", BASE + PATH),
        (f"{BASE}:8443", f"{BASE}:8443{PATH}"),
        (f"{BASE}#rc=3&rp=all", BASE + PATH),
        (f"{BASE}/", BASE + PATH),
        (f"{BASE}/clone", f"{BASE}/clone{PATH}"),
        ("http://[::1]:8080", f"http://[::1]:8080{PATH}"),
    ],
)
def test_the_public_address_is_what_counts(tmp_path: Path, base: str, signed_for: str) -> None:
    """Standard ports, connection overrides and a slash at the end do not matter."""
    door = open_door(tmp_path, PUBLIC_BASE_URL=base)

    assert door.post(inbound_form(), url=signed_for).status_code == 200
    door.database.close()


@pytest.mark.parametrize("query", ["q=%C3%A1", "q=%7Eana", "q=a+b&r=%2B", "a=1&a=2", "é=1"])
def test_the_query_is_signed_as_it_was_sent(door: Door, query: str) -> None:
    """Percent-encoding is compared as it came, never decoded and encoded again."""
    sent = query.encode("ascii", "replace").decode().replace("?=", "%C3%A9=")

    answer = door.post(inbound_form(), path=f"{PATH}?{sent}", url=f"{BASE}{PATH}?{sent}")

    assert answer.status_code == 200


def test_forged_headers_do_not_change_the_verdict(door: Door) -> None:
    """Host and forwarded headers of a client neither open nor close the door."""
    form = inbound_form()
    right = signed(BASE + PATH, form)
    for forged in (
        {"Host": "evil.example"},
        {"Host": "evil.example:99999"},
        {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"},
        {"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Port": "1", "X-Forwarded-Prefix": "/x"},
        {"X-Original-URL": "/x", "X-Rewrite-URL": "/x"},
    ):
        assert door.post(form, headers=right | forged).status_code == 200
        evil = signed(f"https://evil.example{PATH}", form)
        assert door.post(form, headers=evil | forged).status_code == 403


@pytest.mark.parametrize("host", ["a:b", "a:99999", "[::1", "a b", "", "é"])
def test_a_senseless_host_is_refused(tmp_path: Path, host: str) -> None:
    """Without a public address the request's own counts, and one that is none is refused."""
    door = open_door(tmp_path, PUBLIC_BASE_URL="")
    form = inbound_form()

    answer = door.post(form, headers=signed(BASE + PATH, form) | {"Host": host})

    assert answer.status_code in (400, 403)
    assert door.rows() == []
    door.database.close()


def test_a_senseless_scheme_is_refused(tmp_path: Path) -> None:
    """A proxy that tells a scheme nobody knows gets a verdict, not an error."""
    door = open_door(tmp_path, PUBLIC_BASE_URL="", CLONE_PROXY_HOPS="1")
    form = inbound_form()

    answer = door.post(form, headers=signed(BASE + PATH, form) | {"X-Forwarded-Proto": "gopher"})

    assert answer.status_code == 403
    door.database.close()


def test_a_long_text_is_clipped(door: Door) -> None:
    """Nobody makes a model read, or an owner pay for, more than a message's worth."""
    door.post(inbound_form("a," * 20_000))

    assert len(door.stored()["text"]) == TEXT_LIMIT


@pytest.mark.parametrize(("hops", "status"), [("1", 200), ("0", 403)])
def test_a_counted_proxy_may_tell_the_address(tmp_path: Path, hops: str, status: int) -> None:
    """Without a public address, forwarded headers count only from as many proxies as are set."""
    door = open_door(tmp_path, PUBLIC_BASE_URL="", CLONE_PROXY_HOPS=hops)
    form = inbound_form()
    told = {
        "X-Forwarded-For": "9.9.9.9",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "clone.example",
        "X-Forwarded-Prefix": "/pt",
    }

    answer = door.post(form, headers=signed(f"{BASE}/pt{PATH}", form) | told)

    assert answer.status_code == status
    door.database.close()


@contextlib.contextmanager
def served(app: Flask) -> Iterator[int]:
    """Serve an application as `clone serve` does; gives the port."""
    server = create_server(
        app, host="127.0.0.1", port=0, threads=2, clear_untrusted_proxy_headers=False
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    yield int(server.effective_port)
    # In the server's own thread, which sleeps otherwise.
    server.trigger.pull_trigger(server.close)
    thread.join(10)
    server.task_dispatcher.shutdown()


@pytest.mark.parametrize(("hops", "status"), [("1", 200), ("0", 403)])
def test_waitress_leaves_forwarded_headers_to_the_hops(
    tmp_path: Path, hops: str, status: int
) -> None:
    """Through the real server a proxy's headers arrive, and the setting decides on them."""
    door = open_door(tmp_path, PUBLIC_BASE_URL="", CLONE_PROXY_HOPS=hops)
    form = inbound_form()
    headers = signed(f"{BASE}{PATH}?q=%7E", form) | {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "clone.example",
    }
    with served(door.app) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("POST", f"{PATH}?q=%7E", urlencode(form), headers)

        assert connection.getresponse().status == status
        connection.close()
    door.database.close()


def test_without_a_token_the_door_is_closed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A clone without TWILIO_AUTH_TOKEN answers 403 to anybody and says why in the log."""
    door = open_door(tmp_path, TWILIO_AUTH_TOKEN="")

    answer = door.post(inbound_form(), headers=signed(BASE + PATH, {}, ""))

    assert answer.status_code == 403
    assert door.rows() == []
    assert "TWILIO_AUTH_TOKEN is not set" in caplog.text
    door.database.close()


@pytest.mark.parametrize("missing", [{"sid": "SM1", "MessageSid": None}, {"MessageSid": ""}])
def test_a_form_without_an_id_is_refused(door: Door, missing: dict[str, Any]) -> None:
    """A signed form that names no message is a bad request."""
    form = inbound_form(**missing)

    assert door.post(form).status_code == 400
    assert door.rows() == []


def test_a_form_without_a_sender_is_refused(door: Door) -> None:
    """A signed form that names nobody is a bad request."""
    form = inbound_form(From=None, ExternalUserId=None)

    assert door.post(form).status_code == 400


def test_a_huge_body_is_refused(door: Door) -> None:
    """More than a webhook can hold gets 413, however it is signed."""
    form = inbound_form("x" * 300_000)

    assert door.post(form).status_code == 413
    assert door.rows() == []


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_only_posts_are_taken(door: Door, method: str) -> None:
    """Another method is refused by the router."""
    assert getattr(door.client, method)(PATH).status_code == 405


MEDIA = "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1"


@pytest.mark.parametrize(
    ("form", "kind", "text"),
    [
        (inbound_form("Oi, tudo bem?"), "text", "Oi, tudo bem?"),
        (inbound_form("Sim", MessageType="interactive", ButtonText="Sim"), "text", "Sim"),
        (inbound_form("", MessageType="button", ButtonText="Não"), "text", "Não"),
        (media_form(MEDIA), "audio", ""),
        (media_form(MEDIA, "image/jpeg", Body="olha"), "image", "olha"),
        (media_form(MEDIA, "video/mp4"), "video", ""),
        (media_form(MEDIA, "application/pdf", MessageType="document"), "document", ""),
        (media_form(MEDIA, "application/pdf", MessageType=None), "document", ""),
        (media_form(MEDIA, "image/webp", MessageType="sticker"), "sticker", ""),
        (inbound_form("", MessageType="location", Latitude="-22.5"), "location", ""),
        (inbound_form("", MessageType=None, Latitude="-22.5"), "location", ""),
        (inbound_form("", MessageType="contacts"), "other", ""),
        (inbound_form("👍", MessageType="reaction"), "text", "👍"),
        (inbound_form("a\u202eb\u200b\x07c \r\n"), "text", "abc"),
        (inbound_form("olá", NumMedia="9" * 5000), "text", "olá"),
        (inbound_form("olá", NumMedia="²"), "text", "olá"),
    ],
)
def test_every_kind_of_message_is_understood(
    door: Door, form: dict[str, str], kind: str, text: str
) -> None:
    """Each field that Twilio sends becomes its part of the message."""
    assert door.post(form).status_code == 200

    stored = door.stored()
    assert (stored["kind"], stored["text"]) == (kind, text)
    assert stored["message_id"] == form["MessageSid"]
    if "MediaUrl0" in form:
        assert stored["media"] == [{"url": MEDIA, "content_type": form["MediaContentType0"]}]


def test_a_person_is_known_by_the_stable_id(door: Door) -> None:
    """`ExternalUserId` names the contact, also when their number changes; else the number does."""
    door.post(inbound_form("a", sender="whatsapp:+551", ExternalUserId="whatsapp:BR.1"))
    door.post(inbound_form("b", sender="whatsapp:+552", ExternalUserId="whatsapp:BR.1"))
    door.post(inbound_form("c", sender="whatsapp:+553", ExternalUserId=None))

    assert door.rows("SELECT contact, address FROM contacts ORDER BY address") == [
        (KEYS.contact("whatsapp", "whatsapp:BR.1"), "whatsapp:+552"),
        (KEYS.contact("whatsapp", "whatsapp:+553"), "whatsapp:+553"),
    ]


def test_a_status_callback_is_no_message(door: Door) -> None:
    """What Twilio tells about our own message is not taken for somebody's words."""
    answer = door.post(status_form("SM" + "1" * 32, "delivered"))

    assert answer.status_code == 204
    assert door.rows() == []


def test_a_shortcut_is_answered_in_the_twiml(door: Door) -> None:
    """The exact words get their answer at once, escaped; a redelivery gets it again."""
    form = inbound_form("  OÍ ")
    for _ in range(2):
        answer = door.post(form)

        assert answer.text == (
            '<?xml version="1.0" encoding="UTF-8"?><Response>'
            "<Message>Olá! &lt;Como&gt; vai &amp; tudo?</Message></Response>"
        )
    assert door.dispatcher.wakes == 0
    assert len(door.rows()) == 1


def test_an_old_shortcut_is_not_answered_again(door: Door) -> None:
    """After a minute a redelivery gets empty TwiML."""
    form = inbound_form("oi")
    door.post(form)
    with door.database.write() as connection:
        connection.execute("UPDATE inbox SET received_at = received_at - 61")

    assert door.post(form).text == EMPTY


def test_ten_deliveries_at_once_are_one_message(door: Door) -> None:
    """Parallel deliveries of one message are all acknowledged and stored once."""
    form = inbound_form("olá")
    headers = signed(BASE + PATH, form)

    def deliver(_: int) -> tuple[int, str]:
        answer = door.app.test_client().post(PATH, data=form, headers=headers)
        return answer.status_code, answer.text

    with ThreadPoolExecutor(10) as posts:
        answers = set(posts.map(deliver, range(10)))

    assert answers == {(200, EMPTY)}
    assert len(door.rows()) == 1


def test_what_could_not_be_stored_is_not_acknowledged(door: Door) -> None:
    """When the database refuses, Twilio hears 503 and may deliver again."""
    form = inbound_form("olá")
    with door.database.read() as connection:
        connection.execute("PRAGMA query_only = ON")

    assert door.post(form).status_code == 503
    assert door.client.get("/readyz").status_code == 503
    assert door.dispatcher.wakes == 0

    with door.database.read() as connection:
        connection.execute("PRAGMA query_only = OFF")
    assert door.post(form).status_code == 200
    assert len(door.rows()) == 1


def test_health_is_told(door: Door) -> None:
    """The process answers that it lives, and that its database takes part."""
    assert door.client.get("/healthz").text == "ok\n"
    assert door.client.get("/readyz").text == "ready\n"


@pytest.mark.parametrize(
    ("setting", "local", "page"), [("auto", False, False), ("off", True, False), ("on", True, True)]
)
def test_the_simulator_follows_its_setting(
    tmp_path: Path, setting: str, local: bool, page: bool
) -> None:
    """The page is there only where the settings and the address allow it."""
    door = Door(tmp_path, CLONE_SIMULATOR=setting)
    app = build_web(
        settings=door.settings, name="Ana", languages=("pt",), shortcuts={}, keys=KEYS,
        database=door.database, dispatcher=door.dispatcher, simulator=local,  # type: ignore[arg-type]
    )  # fmt: skip

    assert ("simulator" in app.blueprints) is page
    door.database.close()


def test_the_simulator_on_the_network_needs_its_token(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Switched on for others, the page opens only with the word printed at the start."""
    door = open_door(tmp_path, CLONE_SIMULATOR="on")
    address = capsys.readouterr().out.split()[-1]

    assert address.startswith("/?token=")
    assert door.client.get("/").status_code == 403
    assert door.client.get(f"{address}x").status_code == 403
    assert door.client.get(address).status_code == 200
    assert door.client.get("/").status_code == 200  # the cookie remembers
    door.database.close()


def test_the_log_never_tells_words_names_or_numbers(door: Door) -> None:
    """From the door to the database, at DEBUG, no line holds what a form held."""
    loggers = [logging.getLogger(name) for name in ("", "agent", "channels")]
    before = [(logger, logger.level) for logger in loggers]
    handlers = loggers[0].handlers[:]
    stream = io.StringIO()
    configure_logging(logging.DEBUG, stream)
    try:
        form = inbound_form("palavras plantadas", ProfileName="Nome Plantado")
        door.post(form)
        door.post(form)
        door.post(form, headers={"X-Twilio-Signature": "assinatura-plantada"})
        door.post(inbound_form("oi"))
        with door.database.read() as connection:
            connection.execute("PRAGMA query_only = ON")
        door.post(inbound_form("palavras plantadas"))
    finally:
        loggers[0].handlers[:] = handlers
        for logger, level in before:
            logger.setLevel(level)

    lines = stream.getvalue()
    planted = ("plantad", "Plantado", form["WaId"], form["MessageSid"], form["ExternalUserId"][9:],
               AUTH_TOKEN, CLONE_NUMBER[9:], GREETING[:4])  # fmt: skip
    assert [word for word in planted if word in lines] == []
    for action in ("message_accepted", "message_repeated", "signature_refused"):
        assert f"action={action}" in lines
    assert "action=message_not_stored" in lines


def test_the_signature_is_twilios_own() -> None:
    """The door agrees with Twilio's published example."""
    form = {
        "CallSid": "CA1234567890ABCDE", "Caller": "+14158675309", "Digits": "1234",
        "From": "+14158675309", "To": "+18005551212",
    }  # fmt: skip
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"

    made = RequestValidator("12345").compute_signature(url, form)

    assert made == "RSOYDt4T1cUTdK1PDd93/VVr8B8="
