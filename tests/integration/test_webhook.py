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
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from twilio.request_validator import RequestValidator
from waitress.server import create_server
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from agent.errors import StorageError
from agent.keys import Keys
from agent.logs import configure_logging
from agent.messages import IncomingMessage
from agent.settings import Secret, Settings
from channels.database import Database
from channels.reports import DeliveryReport
from channels.twilio_form import TEXT_LIMIT
from channels.twilio_signature import SignatureCheck
from channels.web import build_web
from channels.whatsapp import whatsapp_blueprint
from tests.fakes import DOOR
from tests.standins import webhooks
from tests.standins.twilio import AUTH_TOKEN, CLONE_NUMBER
from tests.standins.webhooks import inbound_form, media_form, signed, status_form

PATH = "/webhook/whatsapp"
STATUS_PATH = f"{PATH}/status"
BASE = "https://clone.example"
EMPTY = '<?xml version="1.0" encoding="UTF-8"?><Response />'
GREETING = "Olá! <Como> vai & tudo?"
KEYS = Keys(Secret("k" * 32))
LINES = replace(DOOR, shortcuts={"oi": GREETING})
PART = "0f" * 16 + ":0"


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
            lines=LINES,
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


class FakeRooms:
    """What lies behind the door, as a list: messages, reports, and a database that may fail."""

    def __init__(self) -> None:
        self.messages: list[IncomingMessage] = []
        self.reports: list[DeliveryReport] = []
        self.full = False

    def receive(self, message: IncomingMessage) -> str | None:
        """Keep a message; nothing to say at once."""
        self._keep()
        self.messages.append(message)
        return None

    def take(self, report: DeliveryReport) -> None:
        """Keep a report."""
        self._keep()
        self.reports.append(report)

    def _keep(self) -> None:
        if self.full:
            raise StorageError("the disk is full")


class BareDoor:
    """The two routes alone, before rooms that only remember."""

    def __init__(self, token: str = AUTH_TOKEN) -> None:
        self.rooms = FakeRooms()
        app = Flask("door")
        check = SignatureCheck(token, BASE) if token else None
        app.register_blueprint(
            whatsapp_blueprint(self.rooms, self.rooms, check)  # type: ignore[arg-type]
        )
        self.client = app.test_client()

    def post(
        self, form: Mapping[str, str], path: str, headers: Mapping[str, str] | None = None
    ) -> TestResponse:
        """Post a form signed for the public address; `headers` replace the signature."""
        given = signed(BASE + path, form) if headers is None else headers
        return self.client.post(path, data=dict(form), headers=dict(given))


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


NAUGHTY = (
    "", " ", "\x00", "é", "\u202e", "👍", "&", "=", "%", "%00", "+", "\r\n", "null", "0", "-1",
    "' OR 1=1 --", "<script>", "{{7*7}}", "../../etc/passwd", "a" * 5000, "MessageSid", "١",
)  # fmt: skip
OTHER_PATHS = (
    f"{PATH}/", f"{PATH}?x=1", f"{PATH}?o=1", STATUS_PATH, f"{STATUS_PATH}?o=1",
    f"/{PATH}", "/webhook/./whatsapp", "/webhook/%77hatsapp", "/WEBHOOK/whatsapp", "/webhook", "/",
)  # fmt: skip


def changed_form(form: dict[str, str], chance: random.Random) -> dict[str, str]:
    """Return a form that differs in one field: dropped, altered, renamed, swapped or added."""
    changed, name, other = dict(form), *chance.sample(sorted(form), 2)
    naughty = chance.choice(NAUGHTY)
    match chance.randrange(6):
        case 0:
            del changed[name]
        case 1:
            changed[name] = naughty
        case 2:
            at = chance.randrange(len(form[name]) + 1)
            changed[name] = form[name][:at] + (naughty or "x") + form[name][at:]
        case 3:
            changed[name + (naughty or "x")] = changed.pop(name)
        case 4:
            changed[name], changed[other] = changed[other], changed[name]
        case 5:
            changed[(naughty or "x") + str(chance.randrange(9))] = chance.choice(NAUGHTY)
    return changed


def test_no_change_of_a_signed_request_is_accepted(door: Door) -> None:
    """Of 2,000 changes to fields, signature, path, method and token none is let in or breaks."""
    form, chance = inbound_form("olá", Empty="", Body="oi"), random.Random(7)
    right = signed(BASE + PATH, form)
    signature = right["X-Twilio-Signature"]
    answers = []
    while len(answers) < 2_000:
        path, method, fields, headers = PATH, "POST", form, right
        match chance.randrange(8):
            case 0:
                path = chance.choice(OTHER_PATHS)
            case 1:
                method = chance.choice(("GET", "PUT", "PATCH", "DELETE", "HEAD"))
            case 2:
                headers = signed(BASE + PATH, form, chance.choice(NAUGHTY) or AUTH_TOKEN[1:])
            case 3:
                at = chance.randrange(len(signature))
                given = (
                    signature[:at]
                    + chance.choice(("", "A", "=", "é", "\xff"))
                    + signature[at + 1 :]
                )
                headers = right | {"X-Twilio-Signature": given}
            case 4:
                naughty = chance.choice(NAUGHTY).replace("\r\n", "")
                headers = right | {"X-Twilio-Signature": naughty.encode().decode("latin-1")}
            case _:
                fields = changed_form(form, chance)
        if (path, method) == (PATH, "POST") and (
            headers["X-Twilio-Signature"] == signed(BASE + PATH, fields)["X-Twilio-Signature"]
        ):
            continue  # the same request, or one that Twilio's scheme cannot tell from it
        answers.append(
            door.client.open(path, method=method, data=fields, headers=headers).status_code
        )

    assert set(answers) == {403, 404, 405}
    assert answers.count(403) > 1_500
    assert door.rows() == []
    assert door.dispatcher.wakes == 0
    assert door.post(form, headers=right).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        "{}&=",
        "{}&Body=ol%C3%A1&Body=ol%C3%A1",
        "{}&MessageSid={sid}",
        # The scheme glues names and values together: `Body` and `olá`, or `Bodyol` and `á`.
        "{glued}",
    ],
)
def test_what_twilios_scheme_cannot_tell_apart_is_one_message(door: Door, body: str) -> None:
    """A captured request written otherwise under the same signature brings nothing new."""
    form = inbound_form("olá")
    headers = signed(BASE + PATH, form)
    assert door.post(form, headers=headers).status_code == 200
    glued = {name: value for name, value in form.items() if name != "Body"} | {"Bodyol": "á"}
    other = body.format(urlencode(form), sid=form["MessageSid"], glued=urlencode(glued))

    answer = door.client.post(PATH, data=other, headers=headers)

    assert answer.status_code == 200
    assert [json.loads(message)["text"] for message, _ in door.rows()] == ["olá"]


@pytest.mark.parametrize(
    ("base", "signed_for"),
    [
        (BASE, f"{BASE}:443{PATH}"),
        (f"{BASE}:443", BASE + PATH),
        (f"{BASE}:8443", f"{BASE}:8443{PATH}"),
        (f"{BASE}#rc=3&rp=all", BASE + PATH),
        (f"{BASE}/", BASE + PATH),
        (f"{BASE}/clone", f"{BASE}/clone{PATH}"),
        (f"{BASE}/clone/#rc=3&rp=all", f"{BASE}:443/clone{PATH}"),
        (f"{BASE}:443/clone", f"{BASE}/clone{PATH}"),
        ("http://[::1]:8080", f"http://[::1]:8080{PATH}"),
    ],
)
def test_the_public_address_is_what_counts(tmp_path: Path, base: str, signed_for: str) -> None:
    """Standard ports, connection overrides and a slash at the end do not matter."""
    door = open_door(tmp_path, PUBLIC_BASE_URL=base)

    assert door.post(inbound_form(), url=signed_for).status_code == 200
    door.database.close()


@pytest.mark.parametrize(
    "query", ["q=%C3%A1", "q=%7Eana", "q=a+b&r=%2B", "a=1&a=2", "é=1", "q=%c3%A1&&", "o=a%3A0"]
)
def test_the_query_is_signed_as_it_was_sent(door: Door, query: str) -> None:
    """Percent-encoding is compared as it came, never decoded and encoded again."""
    sent = query.encode("ascii", "replace").decode().replace("?=", "%C3%A9=")

    answer = door.post(inbound_form(), path=f"{PATH}?{sent}", url=f"{BASE}{PATH}?{sent}")

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("raw", "signed_target"),
    [
        (f"{PATH}?", f"{PATH}?"),
        (f"https://evil.example{PATH}?q=%7E", f"{PATH}?q=%7E"),
        ("", f"{PATH}?q=1"),
    ],
)
def test_the_target_is_read_as_servers_tell_it(door: Door, raw: str, signed_target: str) -> None:
    """A target in full, with an empty query, or kept from us by the server: all are understood."""
    form = inbound_form()
    told = {"REQUEST_URI": raw, "RAW_URI": raw, "QUERY_STRING": "q=1"}

    answer = door.post(form, url=BASE + signed_target, environ_overrides=told)

    assert answer.status_code == 200


def test_a_server_may_mount_the_clone_below_a_path(tmp_path: Path) -> None:
    """A prefix of the server's own stands in the target already and is not added again."""
    door = open_door(tmp_path, PUBLIC_BASE_URL="")
    form = inbound_form()
    told = {"SCRIPT_NAME": "/pt", "REQUEST_URI": f"/pt{PATH}", "RAW_URI": f"/pt{PATH}"}

    answer = door.post(form, url=f"http://localhost/pt{PATH}", environ_overrides=told)

    assert answer.status_code == 200
    door.database.close()


def test_every_field_is_signed_also_the_unknown(door: Door) -> None:
    """Empty fields, unknown ones and several of one name count, as Twilio counts them."""
    known = inbound_form("olá", ButtonText="", TomorrowsField="ção", ReferralBody="")
    assert door.post(known).status_code == 200

    repeated = MultiDict([*inbound_form("olá").items(), ("Tag", "b"), ("Tag", "a"), ("Tag", "b")])
    right = RequestValidator(AUTH_TOKEN).compute_signature(BASE + PATH, repeated)
    headers = {"X-Twilio-Signature": right}
    assert door.client.post(PATH, data=repeated, headers=headers).status_code == 200
    repeated.poplist("Tag")
    assert door.client.post(PATH, data=repeated, headers=headers).status_code == 403


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


@pytest.mark.parametrize(
    ("hops", "told", "status"),
    [
        ("1", "evil.example, clone.example", 200),
        ("1", "clone.example, evil.example", 403),
        ("2", "evil.example, clone.example, inner.example", 200),
        ("2", "clone.example", 403),
    ],
)
def test_only_the_last_proxies_are_believed(
    tmp_path: Path, hops: str, told: str, status: int
) -> None:
    """What a client itself wrote into the forwarded headers stands before what proxies add."""
    door = open_door(tmp_path, PUBLIC_BASE_URL="", CLONE_PROXY_HOPS=hops)
    form = inbound_form()
    schemes = ", ".join("https" for _ in told.split(","))
    forwarded = {"X-Forwarded-Host": told, "X-Forwarded-Proto": schemes}

    answer = door.post(form, headers=signed(BASE + PATH, form) | forwarded)

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


MISSING = "MessageSid or From is missing"


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"MessageSid": None}, MISSING),
        ({"MessageSid": ""}, MISSING),
        ({"From": None, "ExternalUserId": None}, MISSING),
        ({"From": "", "ExternalUserId": ""}, MISSING),
        ({"MessageSid": "SM1"}, "MessageSid is not an id of Twilio's"),
        ({"MessageSid": "SM" + "1" * 31 + "\x00"}, "MessageSid is not an id of Twilio's"),
        ({"From": "+5511999999999", "ExternalUserId": None}, "From is not a WhatsApp address"),
        (
            {"From": "whatsapp:+55\u202e11", "ExternalUserId": None},
            "From is not a WhatsApp address",
        ),
        (
            {"From": "whatsapp:+" + "5" * 5000, "ExternalUserId": ""},
            "From is not a WhatsApp address",
        ),
    ],
)
def test_a_form_that_names_no_message_or_nobody_is_refused(
    door: Door, caplog: pytest.LogCaptureFixture, changed: dict[str, str | None], sentence: str
) -> None:
    """A signed form without usable ids gets 400 and one sentence, and leaves one log line."""
    answer = door.post(inbound_form(**changed))  # type: ignore[arg-type]

    assert (answer.status_code, answer.text, answer.mimetype) == (400, sentence, "text/plain")
    assert door.rows() == []
    (record,) = (each for each in caplog.records if each.name == "channels.whatsapp")
    assert (record.message, vars(record)["action"]) == ("signed form refused", "form_refused")


def test_the_doctors_form_is_known(door: Door) -> None:
    """What `clone doctor` posts to both routes is refused with the words that it looks for."""
    form = {"AccountSid": "", "Body": "clone doctor"}

    assert (door.post(form).status_code, door.post(form).text) == (400, MISSING)
    told = door.post(form, path=STATUS_PATH)
    assert (told.status_code, told.text) == (400, "MessageSid or part is missing")


@pytest.mark.parametrize("right", [True, False])
def test_a_huge_body_is_refused(door: Door, right: bool) -> None:
    """More than a webhook can hold gets 413, however it is signed."""
    form = inbound_form("x" * 1_048_576)

    assert door.post(form, headers=None if right else {}).status_code == 413
    assert door.rows() == []


def test_absurdly_many_fields_are_refused_unread(door: Door) -> None:
    """Thousands of fields are not even hashed; a hundred unknown ones do not matter."""
    many = inbound_form() | {f"Field{n}": "" for n in range(5_000)}
    assert door.post(many, headers={}).status_code == 413
    assert door.rows() == []

    assert door.post(inbound_form() | {f"Field{n}": "" for n in range(100)}).status_code == 200


@pytest.mark.parametrize(
    ("encoded", "text"),
    [
        ("a%00b", "ab"),
        ("a%E2%80%AEb%E2%80%8Bc%07", "abc"),
        ("%F0%9F%91%A9%E2%80%8D%F0%9F%9A%80", "👩\u200d🚀"),
        # What is no UTF-8 arrives in the form it was sent in, as the server decodes it.
        ("ol%E1", "ol%E1"),
        ("%ED%A0%80", "%ED%A0%80"),
        ("a+b%2Bc", "a b+c"),
        ("x" * 10_000, "x" * 10_000),
        ("x" * 10_001, "x" * 10_000),
    ],
)
def test_odd_characters_are_a_normal_message(door: Door, encoded: str, text: str) -> None:
    """Control characters, half characters and endless words become clean, bounded words."""
    form = inbound_form("")
    body = urlencode({**form, "Body": "_"}).replace("Body=_", f"Body={encoded}")
    read = dict(parse_qsl(body, keep_blank_values=True, errors="werkzeug.url_quote"))

    answer = door.client.post(PATH, data=body, headers=signed(BASE + PATH, read))

    assert answer.status_code == 200
    assert door.stored()["text"] == text


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"Body=\xff\xfe&MessageSid=\x80", "application/x-www-form-urlencoded"),
        (b"\x00" * 1000, "application/x-www-form-urlencoded"),
        (b'{"MessageSid": "\\ud800"}', "application/json"),
        (b"--x\r\nno part", "multipart/form-data; boundary=x"),
        (b"--x", "multipart/form-data"),
        (b"MessageSid=SM1", ""),
        (b"", "application/x-www-form-urlencoded"),
    ],
)
@pytest.mark.parametrize("path", [PATH, STATUS_PATH])
def test_a_body_that_is_no_form_is_refused(
    door: Door, caplog: pytest.LogCaptureFixture, body: bytes, content_type: str, path: str
) -> None:
    """Bytes that are no form get a plain refusal, signed or not, and no traceback."""
    for form in ({}, {"Body": "outra"}):
        headers = signed(BASE + path, form) | {"Content-Type": content_type}
        answer = door.client.post(path, data=body, headers=headers)

        assert answer.status_code in (400, 403)
    assert door.rows() == []
    assert [record.exc_info for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_only_posts_are_taken(door: Door, method: str) -> None:
    """Another method is refused by the router."""
    assert getattr(door.client, method)(PATH).status_code == 405


QUOTED = "MM" + "4" * 32
MEDIA = webhooks.media_url()


@pytest.mark.parametrize(
    ("form", "kind", "text"),
    [
        (inbound_form("Oi, tudo bem?"), "text", "Oi, tudo bem?"),
        (webhooks.button_form("Sim", QUOTED), "text", "Sim"),
        (webhooks.button_form("Não", QUOTED, MessageType="button", Body=""), "text", "Não"),
        (webhooks.list_form("Manhã", QUOTED, Body=""), "text", "Manhã"),
        (webhooks.reply_form("Esse mesmo", QUOTED), "text", "Esse mesmo"),
        (webhooks.referral_form("Quero saber mais"), "text", "Quero saber mais"),
        (webhooks.username_form("olá"), "text", "olá"),
        (media_form(MEDIA), "audio", ""),
        (media_form(MEDIA, "image/jpeg", Body="olha"), "image", "olha"),
        (webhooks.video_form(MEDIA), "video", ""),
        (webhooks.document_form(MEDIA), "document", ""),
        (webhooks.document_form(MEDIA, Body="leia isto"), "document", "leia isto"),
        (webhooks.sticker_form(MEDIA), "sticker", ""),
        (webhooks.contacts_form(MEDIA), "other", ""),
        (webhooks.location_form(), "location", ""),
        (webhooks.order_form(), "other", ""),
        (webhooks.reaction_form("👍"), "text", "👍"),
        (inbound_form("", MessageType="poll"), "other", ""),
        (inbound_form("olá", NumMedia="9" * 5000), "text", "olá"),
    ],
)
def test_every_kind_of_message_is_stored(
    door: Door, form: dict[str, str], kind: str, text: str
) -> None:
    """Each kind is acknowledged with empty TwiML, kept as what it is, and wakes the worker."""
    answer = door.post(form)

    assert (answer.status_code, answer.text) == (200, EMPTY)
    stored = door.stored()
    assert (stored["kind"], stored["text"]) == (kind, text)
    assert stored["message_id"] == form["MessageSid"]
    if "MediaUrl0" in form:
        assert stored["media"] == [{"url": MEDIA, "content_type": form["MediaContentType0"]}]
    assert door.dispatcher.wakes == 1


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


@pytest.mark.parametrize("path", [STATUS_PATH, PATH])
@pytest.mark.parametrize("part", [PART, PART.replace(":", "%3A")])
def test_a_status_callback_is_passed_on(path: str, part: str) -> None:
    """On either route the report reaches its taker with the part that its address names."""
    door, sid = BareDoor(), "SM" + "1" * 32

    answer = door.post(status_form(sid, "undelivered", "63019"), f"{path}?o={part}")

    assert (answer.status_code, answer.text) == (204, "")
    assert door.rooms.reports == [
        DeliveryReport(part_id=PART, provider_id=sid, status="undelivered", error="63019")
    ]
    assert door.rooms.messages == []


def test_a_repeated_callback_is_passed_on_again() -> None:
    """What is news and what is not is the taker's to judge: each is acknowledged."""
    door, path = BareDoor(), f"{STATUS_PATH}?o={PART}"
    statuses = ["sent", "read", "delivered", "delivered"]
    for status in statuses:
        assert door.post(status_form("SM" + "1" * 32, status), path).status_code == 204

    assert [report.status for report in door.rooms.reports] == statuses


@pytest.mark.parametrize(
    "path", [STATUS_PATH, f"{STATUS_PATH}?o=", f"{STATUS_PATH}?x={PART}", PATH]
)
def test_a_callback_on_no_part_of_ours_is_acknowledged(path: str) -> None:
    """A message that somebody sent from Twilio's console has callbacks too; they change nothing."""
    door = BareDoor()

    assert door.post(status_form("SM" + "1" * 32, "read"), path).status_code == 204
    assert door.rooms.reports == []


@pytest.mark.parametrize(
    "form",
    [
        {},
        status_form("", "read"),
        status_form("SM1", "read"),
        status_form("SM" + "1" * 32, ""),
        status_form("SM" + "1" * 32, "lido agora"),
        inbound_form("olá"),
    ],
)
def test_a_malformed_callback_is_refused(form: dict[str, str]) -> None:
    """A form that reports on nothing gets 400, also a message that was sent to the wrong door."""
    door = BareDoor()

    assert door.post(form, f"{STATUS_PATH}?o={PART}").status_code == 400
    assert (door.rooms.reports, door.rooms.messages) == ([], [])


def test_a_callback_is_signed_with_the_part_it_names() -> None:
    """A callback for another part, without a signature or with a closed door is refused."""
    door, form = BareDoor(), status_form("SM" + "1" * 32, "failed", "63016")
    right = signed(f"{BASE}{STATUS_PATH}?o={PART}", form)
    for path in (STATUS_PATH, f"{STATUS_PATH}?o=other", f"{STATUS_PATH}?o={PART}&o=other"):
        assert door.post(form, path, right).status_code == 403
    assert door.post(form, f"{STATUS_PATH}?o={PART}", {}).status_code == 403
    assert door.post(form | {"ErrorCode": "0"}, f"{STATUS_PATH}?o={PART}", right).status_code == 403
    assert door.rooms.reports == []

    closed = BareDoor(token="")
    assert closed.post(form, f"{STATUS_PATH}?o={PART}", right).status_code == 403
    assert door.post(form, f"{STATUS_PATH}?o={PART}", right).status_code == 204


def test_a_report_that_could_not_be_stored_is_not_acknowledged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """When the database refuses, Twilio hears 503, and the log says which part it was."""
    door, path = BareDoor(), f"{STATUS_PATH}?o={PART}"
    door.rooms.full = True

    assert door.post(status_form("SM" + "1" * 32, "read"), path).status_code == 503
    assert door.post(inbound_form(), PATH).status_code == 503
    told = [vars(record)["action"] for record in caplog.records]
    assert told == ["report_not_stored", "message_not_stored"]

    door.rooms.full = False
    assert door.post(status_form("SM" + "1" * 32, "read"), path).status_code == 204
    assert len(door.rooms.reports) == 1


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


@pytest.mark.parametrize("text", ["olá", "oi"])
def test_ten_deliveries_at_once_are_one_message(door: Door, text: str) -> None:
    """Parallel deliveries of one message are stored once and answered alike."""
    form = inbound_form(text)

    def deliver(_: int) -> tuple[int, str]:
        # Each with an idempotency token of its own, as Twilio's retries have.
        headers = signed(BASE + PATH, form)
        answer = door.app.test_client().post(PATH, data=form, headers=headers)
        return answer.status_code, answer.text

    with ThreadPoolExecutor(10) as posts:
        answers = set(posts.map(deliver, range(10)))

    ((status, words),) = answers
    assert (status, words == EMPTY) == (200, text == "olá")
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
        settings=door.settings, name="Ana", lines=LINES, keys=KEYS,
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
        door.post(inbound_form("palavras plantadas", From="plantado", MessageSid="plantado"))
        door.post(status_form("plantado", "plantado"), path=f"{STATUS_PATH}?o=plantado")
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
    for action in ("message_accepted", "message_repeated", "signature_refused", "form_refused"):
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
