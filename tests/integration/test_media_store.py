"""Recordings are kept and deleted alike in files beside SQLite and in rows of PostgreSQL."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.errors import StorageError
from channels.database import Database
from channels.ledger import Ledger
from channels.media_store import MediaStore
from channels.postgres import PostgresDatabase
from tests.fakes import ManualClock
from tests.postgres import PostgresServer, running_postgres

HOSTILE = [
    "",
    ".",
    "..",
    "../clone.db",
    "/etc/passwd",
    "..%2fclone.db",
    "....//....//clone.db",
    "A" * 22,
    "A" * 22 + ".OGG",
    "A" * 22 + ".db",
    "A" * 22 + ".ogg\n",
    "A" * 22 + ".ogg\0",
    "A" * 21 + "/.ogg",
    "A" * 23 + ".ogg",
    "Á" * 22 + ".ogg",
    "\ud800" * 22 + ".ogg",
    "A" * 100_000,
]


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL for this module."""
    with running_postgres() as server:
        yield server


class Shelf:
    """A store with its clock."""

    def __init__(self, ledger: Ledger, folder: Path | None) -> None:
        self.clock = ManualClock()
        self.ledger = ledger
        self.folder = folder
        self.store = MediaStore(ledger, folder, self.clock)

    def another(self) -> MediaStore:
        """Return the store as another process sees it."""
        return MediaStore(self.ledger, self.folder, self.clock)

    def files(self) -> set[str]:
        """Return the names in the folder."""
        return {path.name for path in self.folder.iterdir()} if self.folder else set()


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Shelf]:
    """A store in files."""
    ledger = Database(tmp_path / "clone.db")
    yield Shelf(ledger, tmp_path / "media")
    ledger.close()


@pytest.fixture(params=["files", "rows"])
def shelf(request: pytest.FixtureRequest) -> Iterator[Shelf]:
    """A store of either kind."""
    if request.param == "files":
        yield request.getfixturevalue("files")
        return
    ledger = PostgresDatabase(request.getfixturevalue("postgres").new_database())
    yield Shelf(ledger, None)
    ledger.close()


@pytest.mark.parametrize(
    ("content_type", "ending"),
    [("audio/ogg", ".ogg"), ("audio/mpeg", ".mp3"), ("audio/webm", ".webm"), ("audio/mp4", ".m4a")],
)
def test_a_recording_is_kept(shelf: Shelf, content_type: str, ending: str) -> None:
    """Any process reads it by its name, with its type, its time and its words."""
    data = bytes(range(256)) * 100
    name = shelf.store.save(data, content_type, "Olá! 👋")

    assert name.endswith(ending)
    assert shelf.another().read(name) == (data, content_type, shelf.clock.now)
    assert shelf.another().words(name) == "Olá! 👋"


def test_names_are_never_the_same(shelf: Shelf) -> None:
    """The same sound saved by many threads at once gets many names."""
    with ThreadPoolExecutor(8) as threads:
        names = set(threads.map(lambda _: shelf.store.save(b"x", "audio/ogg"), range(40)))

    assert len(names) == 40
    assert {shelf.store.read(name) for name in names} == {(b"x", "audio/ogg", shelf.clock.now)}


def test_what_is_no_sound_is_not_kept(shelf: Shelf) -> None:
    """A type that is not of a recording is refused."""
    with pytest.raises(ValueError, match="text/html"):
        shelf.store.save(b"<script>", "text/html")


def test_a_hostile_name_is_nothing(shelf: Shelf) -> None:
    """What is not a name of ours finds nothing, and breaks nothing."""
    shelf.store.save(b"x", "audio/ogg", "words")

    assert [shelf.store.read(name) for name in HOSTILE] == [None] * len(HOSTILE)
    assert {shelf.store.words(name) for name in HOSTILE} == {""}


def test_old_recordings_go(shelf: Shelf) -> None:
    """What is older than a moment goes with its words and bytes, the rest stays."""
    old = shelf.store.save(b"old", "audio/ogg", "old")
    shelf.clock.advance(10)
    new = shelf.store.save(b"new", "audio/mpeg", "new")
    assert shelf.store.oldest() == shelf.clock.now - 10

    assert shelf.another().expire(shelf.clock.now - 5) == 1

    assert (shelf.store.read(old), shelf.store.words(old)) == (None, "")
    assert shelf.store.read(new) is not None
    assert shelf.store.oldest() == shelf.clock.now
    assert shelf.store.expire(shelf.clock.now + 1) == 1
    assert (shelf.store.oldest(), shelf.files()) == (None, set())


def test_files_are_private(files: Shelf) -> None:
    """Nobody else on the machine may read a recording, or list them."""
    name = files.store.save(b"x", "audio/ogg")
    assert files.folder

    assert (files.folder / name).stat().st_mode & 0o777 == 0o600
    assert files.folder.stat().st_mode & 0o777 == 0o700
    assert files.files() == {name}


def test_a_reader_never_sees_half_a_file(files: Shelf) -> None:
    """Whatever stands under a name in the folder is whole."""
    sizes: set[int] = set()
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            sizes.update(
                path.stat().st_size for path in (files.folder.glob("*.ogg") if files.folder else ())
            )

    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in range(50):
        files.store.save(b"x" * 200_000, "audio/ogg")
    ended.set()
    watcher.join()

    assert sizes == {200_000}


def test_files_that_nobody_knows_go_after_an_hour(files: Shelf) -> None:
    """What a process left behind when it died is removed; a file about to get its row is not."""
    kept = files.store.save(b"x", "audio/ogg")
    assert files.folder
    for stray, age in (("A" * 22 + ".ogg", 3601), ("tmpdraft", 3601), ("B" * 22 + ".ogg", 3599)):
        (files.folder / stray).write_bytes(b"?")
        os.utime(files.folder / stray, (files.clock.now - age,) * 2)
    os.utime(files.folder / kept, (files.clock.now - 9999,) * 2)

    files.store.expire(files.clock.now - 100_000)

    assert files.files() == {kept, "B" * 22 + ".ogg"}


def test_a_lost_file_is_not_there(files: Shelf) -> None:
    """A row whose file is gone reads as nothing, and goes in its time."""
    name = files.store.save(b"x", "audio/ogg")
    assert files.folder
    (files.folder / name).unlink()

    assert files.store.read(name) is None
    assert files.store.expire(files.clock.now + 1) == 1


def test_a_folder_that_cannot_be_used_is_told(files: Shelf) -> None:
    """A recording that cannot be written leaves nothing, and the error does not name it."""
    assert files.folder
    files.folder.write_bytes(b"a file where the folder should be")

    with pytest.raises(StorageError, match="cannot be written") as raised:
        files.store.save(b"x", "audio/ogg")
    assert ".ogg" not in str(raised.value)
    assert files.store.oldest() is None
