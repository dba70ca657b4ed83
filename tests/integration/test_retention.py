"""Old recordings are deleted, here and at Twilio, each once, and never before their time."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agent.errors import AccountError, PermanentError, TemporaryError
from agent.keys import Keys
from agent.messages import Media, Reply
from agent.settings import Secret, Settings
from channels.database import Database
from channels.inbox import Inbox
from channels.ledger import Ledger
from channels.media_store import MediaStore
from channels.postgres import PostgresDatabase
from channels.retention import Eraser, Retention
from channels.steps import Run
from channels.turns import Turns
from channels.twilio_client import twilio_client
from channels.twilio_eraser import TwilioEraser
from tests.fakes import Changes, ManualClock, drafts, incoming
from tests.postgres import PostgresServer, running_postgres
from tests.standins.exchange import always, json_answer
from tests.standins.twilio import TwilioStandIn, refused

HOUR = 3600.0
DAY = 24 * HOUR
KEYS = Keys(Secret("k" * 32))


class FakeEraser(Changes):
    """Keeps what it was asked to delete; errors queued in `errors` meet the next ones."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.errors: list[Exception | None] = []

    async def erase(self, url: str) -> None:
        """Delete a file, or raise what the test queued."""
        self.asked.append(url)
        self.note()
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error


class House:
    """A ledger with messages and recordings, on one clock."""

    def __init__(self, ledger: Ledger, folder: Path | None) -> None:
        self.clock = ManualClock()
        self.ledger = ledger
        self.store = MediaStore(ledger, folder, self.clock)
        self.eraser = FakeEraser()
        self.inbox = Inbox(ledger, KEYS, self.clock)
        self.turns = Turns(ledger, 0.0, self.clock)
        self._number = 0

    def retention(self, eraser: Eraser | None = None) -> Retention:
        """Return the retention of a fresh worker."""
        return Retention(self.ledger, self.store, eraser or self.eraser, 24.0, self.clock)

    def hear(self, *urls: str, answer: bool = True) -> None:
        """Take a message with files in, and answer it."""
        self._number += 1
        media = tuple(Media(url=url, content_type="audio/ogg") for url in urls)
        message = incoming("", number=self._number, kind="audio", media=media)
        contact = self.inbox.accept(message).contact
        if answer:
            self.answer(contact)

    def answer(self, contact: str) -> None:
        """Finish the contact's turn."""
        step = self.turns.next(contact)
        assert isinstance(step, Run)
        assert self.turns.finish(step.turn, Reply(text="ok"), drafts("ok"))


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL for this module."""
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A house on either database."""
    ledger: Ledger
    if request.param == "sqlite":
        ledger = Database(tmp_path / "clone.db")
        house = House(ledger, tmp_path / "media")
    else:
        ledger = PostgresDatabase(request.getfixturevalue("postgres").new_database())
        house = House(ledger, None)
    ledger.migrate()
    yield house
    ledger.close()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[House]:
    """A house on SQLite."""
    database = Database(tmp_path / "clone.db")
    yield House(database, tmp_path / "media")
    database.close()


async def test_everything_old_is_deleted_once(house: House) -> None:
    """Recordings and contacts' files go when they are old enough, and are asked for once."""
    name = house.store.save(b"x", "audio/ogg")
    house.hear("https://a/1", "https://a/2")
    house.clock.advance(DAY - 1)
    house.hear("https://a/3")
    first = await house.retention().sweep()
    assert (house.eraser.asked, house.store.read(name) is None) == ([], False)

    house.clock.advance(2)
    second = await house.retention().sweep()
    third = await house.retention().sweep()

    assert house.eraser.asked == ["https://a/1", "https://a/2"]
    assert house.store.read(name) is None
    assert first == HOUR
    assert second == third == DAY - 2


async def test_what_is_still_to_be_answered_keeps_its_file(house: House) -> None:
    """A recording that nobody has heard yet is not deleted, however old it is."""
    house.hear("https://a/1", answer=False)
    house.clock.advance(2 * DAY)
    await house.retention().sweep()
    step = house.turns.next(KEYS.contact("fake", "ana"))
    assert step is not None
    kept = list(house.eraser.asked)

    await house.retention().sweep()

    assert (kept, house.eraser.asked) == ([], ["https://a/1"])


async def test_what_is_kept_since_decides_the_next_look(house: House) -> None:
    """With nothing kept there is one look a day, else one when the oldest is due, or an hour."""
    pauses = [await house.retention().sweep()]
    house.store.save(b"x", "audio/ogg")
    pauses.append(await house.retention().sweep())
    house.clock.advance(5 * HOUR)
    pauses.append(await house.retention().sweep())
    house.clock.advance(19 * HOUR - 1)
    pauses.append(await house.retention().sweep())
    house.clock.advance(-30 * DAY)
    pauses.append(await house.retention().sweep())

    assert pauses == [DAY, DAY, 19 * HOUR, HOUR, DAY]


async def test_what_failed_is_tried_the_next_time(small: House) -> None:
    """A failure for now holds up no other file; one for good is not asked for again."""
    for number in range(4):
        small.hear(f"https://a/{number}")
    small.clock.advance(DAY + 1)
    small.eraser.errors = [TemporaryError("down"), PermanentError("no"), None, None]
    pause = await small.retention().sweep()

    assert small.eraser.asked == [f"https://a/{number}" for number in range(4)]
    small.eraser.asked.clear()
    assert await small.retention().sweep() == DAY
    assert (small.eraser.asked, pause) == (["https://a/0"], HOUR)


@pytest.mark.parametrize(
    "error", [AccountError("key", code="20003"), TemporaryError("left alone", code="circuit")]
)
async def test_a_refused_account_is_asked_once_an_hour(small: House, error: Exception) -> None:
    """Where every file would be refused, the others are not even tried."""
    for number in range(3):
        small.hear(f"https://a/{number}")
    small.clock.advance(DAY + 1)
    small.eraser.errors = [error]

    assert await small.retention().sweep() == HOUR
    assert small.eraser.asked == ["https://a/0"]


async def test_more_than_a_batch_is_deleted(small: House) -> None:
    """However many files are due, one look deals with all of them."""
    small.turns = Turns(small.ledger, 0.0, small.clock)
    for number in range(230):
        small.hear(f"https://a/{number}", answer=False)
    step = small.turns.next(KEYS.contact("fake", "ana"))
    assert isinstance(step, Run)
    small.turns.finish(step.turn, Reply(text="ok"), drafts("ok"))
    small.clock.advance(DAY + 1)

    await small.retention().sweep()

    assert len(set(small.eraser.asked)) == len(small.eraser.asked) == 230


async def test_it_looks_at_once_and_ends_when_cancelled(small: House) -> None:
    """A worker that starts deletes what became old while none lived."""
    small.hear("https://a/1")
    small.clock.advance(DAY + 1)
    running = asyncio.create_task(small.retention().run())

    await small.eraser.until(lambda: small.eraser.asked)
    running.cancel()
    await asyncio.wait({running}, timeout=5)

    assert running.cancelled()


async def test_a_disk_that_refuses_ends_nothing(small: House, tmp_path: Path) -> None:
    """What cannot be deleted now is left for the next look."""
    name = small.store.save(b"x", "audio/ogg")
    small.clock.advance(DAY + 1)
    (tmp_path / "media" / name).unlink()
    (tmp_path / "media" / name).mkdir()

    assert await small.retention().sweep() == HOUR
    assert await small.retention().sweep() == DAY


@pytest.fixture
def twilio() -> Iterator[TwilioStandIn]:
    """Twilio on loopback."""
    with TwilioStandIn() as twilio:
        yield twilio


@pytest.fixture
async def eraser(twilio: TwilioStandIn) -> AsyncIterator[TwilioEraser]:
    """An eraser of the stand-in's account."""
    settings = Settings.from_env(
        {
            "TWILIO_ACCOUNT_SID": twilio.account_sid,
            "TWILIO_AUTH_TOKEN": twilio.auth_token,
            "TWILIO_API_BASE_URL": twilio.url,
        }
    ).twilio
    eraser = TwilioEraser(twilio.account_sid, lambda: twilio_client(settings))
    yield eraser
    await eraser.close()


async def test_a_file_is_deleted_at_twilio(twilio: TwilioStandIn, eraser: TwilioEraser) -> None:
    """The file that a webhook named is gone from the account, the others stay."""
    url, other = twilio.add_media(b"OggS"), twilio.add_media(b"OggS")

    await eraser.erase(url)

    [request] = twilio.requests("erase")
    assert (request.method, request.path) == ("DELETE", url.removeprefix(twilio.url) + ".json")
    assert twilio.media == {other.rpartition("/")[2]}


async def test_a_file_that_is_gone_is_as_good(twilio: TwilioStandIn, eraser: TwilioEraser) -> None:
    """What Twilio does not have any more needs no deleting."""
    url = twilio.add_media(b"OggS")
    await eraser.erase(url)
    await eraser.erase(url)

    assert len(twilio.requests("erase")) == 2


@pytest.mark.parametrize(
    "url",
    [
        "simulator:AAAAAAAAAAAAAAAAAAAAAA.ogg",
        "https://example.com/voice.ogg",
        "https://api.twilio.com/2010-04-01/Accounts/AC0/Messages/MM0/Media/ME0",
        "",
    ],
)
async def test_only_the_account_s_files_are_asked_for(
    twilio: TwilioStandIn, eraser: TwilioEraser, url: str
) -> None:
    """Any other address is no matter of Twilio's."""
    await eraser.erase(url)

    assert twilio.requests() == []


async def test_a_moment_s_failure_is_repeated(twilio: TwilioStandIn, eraser: TwilioEraser) -> None:
    """Twilio may fail once; deleting twice does no harm."""
    url = twilio.add_media(b"OggS")
    twilio.queue("erase", always(json_answer({}, 503)))

    await eraser.erase(url)

    assert twilio.media == set()


async def test_refused_credentials_are_told(twilio: TwilioStandIn, eraser: TwilioEraser) -> None:
    """The caller learns that every other file would be refused too."""
    twilio.queue("erase", refused(20003, 401))

    with pytest.raises(AccountError):
        await eraser.erase(twilio.add_media(b"OggS"))
