"""One generation of the index, opened: the documents it holds and the search in them."""

import shutil
import sqlite3
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from langchain_core.documents import Document as Chunk

from agent.errors import StorageError
from agent.messages import Passage
from agent.storage import open_sqlite, transaction
from agent.tokens import TOKENS_VERSION, query_words
from knowledge.chunks import CHUNKS_VERSION, cut
from knowledge.dense import DenseArm
from knowledge.documents import READERS_VERSION, Document
from knowledge.index import ROWS, SCHEMA, VECTORS, KnowledgeIndex
from knowledge.ranking import fuse, shares_word

# Candidates of each arm: many chunks of one paragraph count once in the end.
_CANDIDATES = 50
# Chunks embedded in one call, across documents: a paid provider charges time by the call.
_BATCH = 256


class DamagedIndexError(StorageError):
    """The index cannot be used as it is: damaged, or made by another version; build it anew."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a generation knows of one file: its state when it was read, and what came of it."""

    size: int
    changed_ns: int
    digest: str = ""
    #: Why it was left out; empty when it was read.
    problem: str = ""


class Library:
    """An opened generation; changed only while it is built, and searched by one thread at a time.

    Every method raises `DamagedIndexError` where the files turn out to be damaged.
    """

    def __init__(self, folder: Path, connection: sqlite3.Connection, arm: DenseArm) -> None:
        self.folder = folder
        self._connection = connection
        self._arm = arm
        self._index = KnowledgeIndex(
            connection, folder / VECTORS, arm.embeddings, keep_vectors=arm.is_paid
        )
        self._waiting: list[Chunk] = []
        self._using = threading.Lock()

    @classmethod
    def create(cls, folder: Path, arm: DenseArm) -> Self:
        """Make an empty generation in `folder`, to be filled."""
        KnowledgeIndex.create(folder, arm.embeddings).close()
        library = cls(folder, open_sqlite(folder / ROWS), arm)
        library._connection.execute("INSERT INTO generation VALUES (?)", (_fingerprint(arm),))
        return library

    @classmethod
    def copy(cls, origin: Path, folder: Path, arm: DenseArm) -> Self:
        """Make a generation in `folder` from what `origin` holds, to be brought up to date."""
        for name in (ROWS, VECTORS):
            if (origin / name).exists():
                shutil.copyfile(origin / name, folder / name)
        (folder / ROWS).chmod(0o600)
        return cls._opened(folder, open_sqlite(folder / ROWS), arm)

    @classmethod
    def open(cls, folder: Path, arm: DenseArm) -> Self:
        """Open a finished generation to search in it."""
        try:
            connection = open_sqlite(folder / ROWS, read_only=True)
        except StorageError as error:
            raise DamagedIndexError(str(error)) from error
        return cls._opened(folder, connection, arm)

    @classmethod
    def _opened(cls, folder: Path, connection: sqlite3.Connection, arm: DenseArm) -> Self:
        try:
            with _damage_told():
                row = connection.execute("SELECT fingerprint FROM generation").fetchone()
                if row is None or row[0] != _fingerprint(arm):
                    raise DamagedIndexError("the index was made by another version or model")
                return cls(folder, connection, arm)
        except DamagedIndexError:
            connection.close()
            raise

    def entries(self) -> dict[str, Entry]:
        """Return what is known of each file, by its name."""
        with self._using, _damage_told():
            rows = self._connection.execute(
                "SELECT name, size, changed_ns, digest, problem FROM document"
            )
            return {name: Entry(*values) for name, *values in rows}

    def counts(self) -> tuple[int, int]:
        """Return how many paragraphs and chunks there are."""
        with self._using, _damage_told():
            query = "SELECT (SELECT count(*) FROM paragraph), (SELECT count(*) FROM chunk)"
            paragraphs, chunks = self._connection.execute(query).fetchone()
            return paragraphs, chunks

    @contextmanager
    def filling(self) -> Iterator[None]:
        """Hold one transaction for all changes of a build, and finish the files after it."""
        with _damage_told():
            with transaction(self._connection):
                yield
                self._index_waiting()
                self._index.lexical.compact()
            self._index.flush()
            # A generation is never written again: readers need no side files of WAL.
            self._connection.execute("PRAGMA journal_mode = DELETE")

    def note(self, name: str, entry: Entry) -> None:
        """Record the state of a file whose text stays as it is."""
        self._connection.execute(
            "INSERT INTO document (name, size, changed_ns, digest, problem)"
            " VALUES (:name, :size, :changed_ns, :digest, :problem)"
            " ON CONFLICT (name) DO UPDATE SET size = excluded.size,"
            " changed_ns = excluded.changed_ns, digest = excluded.digest,"
            " problem = excluded.problem",
            {
                "name": name,
                "size": entry.size,
                "changed_ns": entry.changed_ns,
                "digest": entry.digest,
                "problem": entry.problem,
            },
        )

    def put(self, document: Document, entry: Entry) -> None:
        """Take in a document in the place of what was known under its name."""
        self.remove(document.name)
        self.note(document.name, entry)
        for position, paragraph in enumerate(cut(document.sections)):
            name = f"{document.name}#{position}"
            self._connection.execute(
                "INSERT INTO paragraph (id, document, position, section, text)"
                " VALUES (?, ?, ?, ?, ?)",
                (name, document.name, position, paragraph.section, paragraph.text),
            )
            metadata = {"document": document.name, "paragraph": name, "section": paragraph.section}
            self._waiting += [
                # A title says what its text leaves unsaid.
                Chunk(
                    id=f"{name}.{number}",
                    page_content=f"{paragraph.section}\n{text}".strip(),
                    metadata=metadata,
                )
                for number, text in enumerate(paragraph.chunks)
            ]
        if len(self._waiting) >= _BATCH:
            self._index_waiting()

    def remove(self, name: str) -> None:
        """Forget a document and all that came from it."""
        rows = self._connection.execute(
            "SELECT id FROM chunk WHERE json_extract(metadata, '$.document') = ?", (name,)
        ).fetchall()
        self._index.delete([chunk for (chunk,) in rows])
        self._connection.execute("DELETE FROM document WHERE name = ?", (name,))

    def search(self, query: str, vector: list[float], limit: int) -> list[Passage]:
        """Return at most `limit` paragraphs, best first, each once; scores are in [0, 1]."""
        with self._using, _damage_told():
            lexical = dict(self._index.lexical.search(query, _CANDIDATES))
            dense = dict(self._index.nearest(vector, _CANDIDATES))
            fused = fuse(lexical, dense, self._arm.weight)
            chunks = self._index.get_by_numbers(fused)
            words = query_words(query)
            best: dict[str, float] = {}
            for number, score in fused.items():
                if len(best) >= limit:
                    break
                paragraph, text = chunks[number].metadata["paragraph"], chunks[number].page_content
                vouched = self._arm.knows_meaning and number in dense
                if paragraph not in best and (vouched or shares_word(words, text)):
                    best[paragraph] = score
            return [self._passage(paragraph, score) for paragraph, score in best.items()]

    def close(self) -> None:
        """Let go of the files, after a search that may still run in another thread."""
        with self._using:
            self._index.close()

    def _index_waiting(self) -> None:
        self._index.add_documents(self._waiting)
        self._waiting = []

    def _passage(self, paragraph: str, score: float) -> Passage:
        document, section, text = self._connection.execute(
            "SELECT document, section, text FROM paragraph WHERE id = ?", (paragraph,)
        ).fetchone()
        return Passage(id=paragraph, document=document, section=section, text=text, score=score)


def _fingerprint(arm: DenseArm) -> str:
    """Name everything that the rows, tokens and vectors depend on."""
    schema = zlib.crc32(SCHEMA.read_bytes())
    return f"{schema:08x} {TOKENS_VERSION} {CHUNKS_VERSION} {READERS_VERSION} {arm.id}"


@contextmanager
def _damage_told() -> Iterator[None]:
    try:
        yield
    except (sqlite3.DatabaseError, OSError) as error:
        raise DamagedIndexError(f"the index is damaged: {error}") from error
