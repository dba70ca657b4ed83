"""The route that serves recordings: exact answers to a good link, one answer to all others."""

import logging
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from agent.keys import Keys
from agent.messages import Reply
from agent.settings import Secret
from app import Application
from channels.database import Database
from channels.media import media_blueprint
from channels.media_links import MediaLinks
from channels.media_store import MediaStore, media_store
from channels.outbox import Part
from channels.recorder import Recorder
from channels.twilio_client import twilio_client
from channels.whatsapp_sender import WhatsAppSender
from tests.fakes import ManualClock, sound
from tests.standins.twilio import CLONE_NUMBER, TwilioStandIn

DATA = bytes(range(256)) * 40
DAY = 24 * 3600.0


class House:
    """The route over a store with one recording in it."""

    def __init__(self, data: Path) -> None:
        self.clock = ManualClock()
        self.folder = data / "media"
        self.database = Database(data / "clone.db")
        self.store = MediaStore(self.database, self.folder, self.clock)
        self.links = MediaLinks(Keys(Secret("k" * 32)), 24.0, self.clock)
        self.name = self.store.save(DATA, "audio/ogg", "words")
        self.token = self.links.sign(self.name)
        app = Flask("media")
        app.register_blueprint(media_blueprint(self.links, self.store))
        self.client: FlaskClient = app.test_client()

    def get(self, token: str | None = None, **headers: str) -> TestResponse:
        """Ask for a recording."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.get(f"/media/{self.token if token is None else token}", headers=names)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A route with a recording."""
    house = House(tmp_path)
    yield house
    house.database.close()


def seen(answer: TestResponse) -> tuple[int, bytes, dict[str, str]]:
    """Return all that a stranger can tell of an answer."""
    return answer.status_code, answer.data, dict(answer.headers)


def test_a_link_needs_no_login(house: House) -> None:
    """The recording comes whole, with exactly its type and length, for this reader only."""
    answer = house.get()

    assert (answer.status_code, answer.data) == (200, DATA)
    assert answer.headers["Content-Type"] == "audio/ogg"
    assert answer.headers["Content-Length"] == str(len(DATA))
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["Accept-Ranges"] == "bytes"


def test_an_mp3_has_its_own_type(house: House) -> None:
    """The second form of a voice note is told as what it is."""
    answer = house.get(house.links.sign(house.store.save(b"mp3", "audio/mpeg")))

    assert (answer.headers["Content-Type"], answer.data) == ("audio/mpeg", b"mp3")


def test_a_head_tells_the_same_without_the_bytes(house: House) -> None:
    """HEAD has every header of GET, whatever range it asks for."""
    answer = house.client.head(f"/media/{house.token}", headers={"Range": "bytes=0-1"})

    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers == house.get().headers


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-", 0, len(DATA)),
        ("bytes=0-0", 0, 1),
        ("bytes=100-199", 100, 200),
        ("bytes=-5", len(DATA) - 5, len(DATA)),
        ("bytes=-999999", 0, len(DATA)),
        ("bytes=10000-999999", 10000, len(DATA)),
    ],
)
def test_one_range_is_served(house: House, asked: str, start: int, stop: int) -> None:
    """A part that exists comes with its place in the whole."""
    answer = house.get(Range=asked)

    assert (answer.status_code, answer.data) == (206, DATA[start:stop])
    assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(DATA)}"
    assert answer.headers["Content-Length"] == str(stop - start)
    assert answer.headers["Content-Type"] == "audio/ogg"


@pytest.mark.parametrize("asked", [f"bytes={len(DATA)}-", "bytes=99999999999999999999-"])
def test_a_range_beyond_the_end_is_refused(house: House, asked: str) -> None:
    """A part that does not exist gets the length of the whole, and no bytes."""
    answer = house.get(Range=asked)

    assert (answer.status_code, answer.data) == (416, b"")
    assert answer.headers["Content-Range"] == f"bytes */{len(DATA)}"


@pytest.mark.parametrize(
    "headers",
    [
        {"Range": "bytes=0-1,4-5"},
        {"Range": "items=0-1"},
        {"Range": "bytes=5-2"},
        {"Range": "bytes=a-b"},
        {"Range": "bytes=" + "9" * 5000 + "-"},
        {"Range": "bytes=0-1", "If-Range": '"another"'},
    ],
)
def test_what_is_not_one_range_gets_all(house: House, headers: dict[str, str]) -> None:
    """Several ranges, nonsense, and a condition that cannot hold are answered in full."""
    answer = house.client.get(f"/media/{house.token}", headers=headers)

    assert (answer.status_code, answer.data) == (200, DATA)


def test_every_failure_looks_the_same(house: House) -> None:
    """Never there, wrongly signed, expired, deleted and lost cannot be told from one another."""
    lost = house.store.save(b"lost", "audio/ogg")
    (house.folder / lost).unlink()
    name = f"{secrets.token_urlsafe(16)}.ogg"
    forged = house.token.replace(house.token[:22], secrets.token_urlsafe(16))
    answers = [seen(house.get(token)) for token in ("x", forged, house.links.sign(name))]
    answers.append(seen(house.get(house.links.sign(lost))))
    answers.append(seen(house.get(forged, Range="bytes=0-1")))
    later = house.token
    house.store.expire(house.clock.now + 1)
    answers.append(seen(house.get(later)))
    house.clock.advance(DAY)
    answers.append(seen(house.get(later)))

    assert answers[0][0] == 404
    assert answers == answers[:1] * 7


def test_a_store_that_fails_looks_the_same_too(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """An error of the disk is for the log, which learns neither the link nor the name."""
    (house.folder / house.name).unlink()
    (house.folder / house.name).mkdir()

    assert seen(house.get()) == seen(house.get("x"))
    assert [record.action for record in caplog.records] == ["media_not_read"]
    assert house.name[:22] not in "".join(str(vars(record)) for record in caplog.records)


HOSTILE = [
    "..",
    "../clone.db",
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "....//....//etc/passwd",
    "..\\..\\windows\\win.ini",
    "%5c..%5c..",
    "/etc/passwd",
    "//etc/passwd",
    "%00",
    "{token}%00",
    "{token}%00.ogg",
    "{token}%0a",
    "{token}%20",
    "{token}/",
    "{token}/.",
    "{token}/..",
    "./{token}x",
    "{token}.ogg",
    "{token};.mp3",
    "{name}",
    "media/{name}",
    "{stem}.mp3",
    "{token}%c0%ae",
    "%c0%ae%c0%ae/",
    "%ff%fe",
    "%ed%a0%80",
    "%E2%80%AE{token}",
    "CON",
    "aux.ogg",
    "~root",
    "$HOME",
    "{{{{7*7}}}}",
    "%25s%25n",
    "' OR 1=1 --",
    "<script>",
    "a" * 10_000,
    ".",
    "*",
    "%",
    "%zz",
]


@pytest.mark.parametrize("path", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_hostile_path_finds_nothing(house: House, path: str, method: str) -> None:
    """No path without a whole link is answered with a recording, or with an error of ours."""
    path = path.format(token=house.token, name=house.name, stem=house.token[:-4])

    answer = house.client.open(f"/media/{path}", method=method)

    assert answer.status_code in (308, 404)
    assert DATA[:64] not in answer.data


def test_random_names_hit_nothing(house: House) -> None:
    """Names of the right shape, signed by somebody else, are all refused (a thousand requests)."""
    stranger = MediaLinks(Keys(Secret("x" * 32)), 24.0, house.clock)

    told = {house.get(stranger.sign(house.name)).status_code}
    told |= {
        house.get(stranger.sign(f"{secrets.token_urlsafe(16)}.ogg")).status_code
        for _ in range(1000)
    }

    assert told == {404}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_a_link_only_reads(house: House, method: str) -> None:
    """Nothing but GET and HEAD is answered, whoever asks."""
    assert house.client.open(f"/media/{house.token}", method=method).status_code == 405


def test_no_log_line_carries_a_link(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """What is written about requests would open no recording."""
    caplog.set_level(logging.DEBUG)
    house.get()
    house.get("x" + house.token)
    house.get(Range="bytes=0-1")

    assert house.token[:22] not in "".join(str(vars(record)) for record in caplog.records)


async def test_what_twilio_is_given_it_can_fetch(tmp_path: Path) -> None:
    """The address of a sent voice note leads to its bytes, through the whole web application."""
    with TwilioStandIn() as twilio:
        clone = Application(
            {
                "CLONE_DATA": str(tmp_path),
                "TWILIO_ACCOUNT_SID": twilio.account_sid,
                "TWILIO_AUTH_TOKEN": twilio.auth_token,
                "TWILIO_API_BASE_URL": twilio.url,
                "PUBLIC_BASE_URL": "https://clone.example/here",
            }
        )
        web = clone.web().test_client()
        recordings = media_store(clone.database, clone.settings)
        recorder = Recorder(recordings, MediaLinks(clone.keys, 24.0))
        draft = await recorder.record("whatsapp", Reply(text="a", voice=sound("oggs")), "a")
        assert draft
        sender = WhatsAppSender(
            CLONE_NUMBER,
            lambda: twilio_client(clone.settings.twilio),
            clone.settings.public_base_url,
        )
        await sender.send(
            Part(
                id="t:0",
                turn_id="t",
                contact="ana",
                channel="whatsapp",
                address="whatsapp:+5511987654321",
                body=draft.body,
                form=draft.form,
                media=draft.media,
                attempts=1,
            )
        )
        await sender.close()
        [sent] = twilio.sent

    address = sent.media_url.removeprefix("https://clone.example/here")
    answer = web.get(address)
    clone.database.close()

    assert sent.media_url.endswith(".ogg")
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "audio/ogg", b"oggs")
    assert sent.body == ""
