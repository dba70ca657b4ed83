"""The chunks of a generation as a LangChain vector store: SQLite rows, FAISS vectors, FTS5."""

import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Self

import numpy as np
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore

from agent.storage import migrate, open_sqlite, transaction
from knowledge.rows import ChunkRows
from knowledge.vectors import Matrix, VectorFile, write_vectors

SCHEMA = Path(__file__).with_name("schema.sql")
ROWS = "knowledge.db"
VECTORS = "vectors.faiss"

_BATCH = 256


class KnowledgeIndex(VectorStore):
    """Chunks with their vectors and tokens, kept in step; scores are inner products.

    The rows change at once; the vectors' file is written anew at `flush` or at the next search.
    Vectors are stored in the rows when `keep_vectors`, else made again if their file is lost.
    Not safe for threads at the same time: its user takes turns.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        vectors: Path,
        embeddings: Embeddings,
        *,
        keep_vectors: bool,
    ) -> None:
        self._rows = ChunkRows(connection)
        self.lexical = self._rows.lexical
        self._connection = connection
        self._path = vectors
        self._embeddings = embeddings
        self._keep_vectors = keep_vectors
        #: Vectors of rows that are not in the file yet.
        self._fresh: dict[int, Matrix] = {}
        #: The row of each vector in the file, in its order.
        self._numbers = self._rows.numbers()
        self._file = self._map_file()
        self._stale = bool(self._numbers) and self._file is None

    @classmethod
    def create(cls, folder: Path, embeddings: Embeddings, *, keep_vectors: bool = True) -> Self:
        """Make an empty index in `folder`; raises `StorageError`."""
        connection = open_sqlite(folder / ROWS)
        migrate(connection, [(1, SCHEMA.read_text(encoding="utf-8"))])
        return cls(connection, folder / VECTORS, embeddings, keep_vectors=keep_vectors)

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> Self:
        """Make an index of `texts` in the folder given as `folder=`."""
        index = cls.create(kwargs["folder"], embedding)
        index.add_texts(texts, metadatas, ids=ids)
        return index

    @property
    def embeddings(self) -> Embeddings:
        """The model that makes the vectors."""
        return self._embeddings

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Store texts, each replacing the one of the same id, and return their ids."""
        contents = list(texts)
        given: Sequence[str | None] = ids or [None] * len(contents)
        names = [name or str(uuid.uuid4()) for name in given]
        extras = metadatas or [{} for _ in contents]
        vectors = self._embeddings.embed_documents(contents) if contents else []
        entries = zip(names, contents, extras, vectors, strict=True)
        # An id that is given twice stands for its last text, as if added one by one.
        last = {name: (text, extra, vector) for name, text, extra, vector in entries}
        with self._changing():
            self._remove(list(last))
            for name, (text, extra, vector) in last.items():
                self._insert(name, text, extra, vector)
        return names

    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> bool:
        """Forget the chunks with these ids, all without `ids`; unknown ids are no mistake."""
        with self._changing():
            self._remove(self._rows.ids() if ids is None else ids)
        return True

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """Return the chunks of these ids that exist, in the order asked for."""
        found = {document.id: document for document in self._rows.by_ids(ids)}
        return [found[name] for name in ids if name in found]

    def get_by_numbers(self, numbers: Iterable[int]) -> dict[int, Document]:
        """Return the chunks of these rows by their numbers."""
        return self._rows.by_numbers(list(numbers))

    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """Return the `k` chunks whose vectors are nearest, best first."""
        return [document for document, _ in self.similarity_search_with_score(query, k)]

    def similarity_search_with_score(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """Return the `k` nearest chunks with their inner products, best first."""
        nearest = self.nearest(self._embeddings.embed_query(query), k)
        found = self.get_by_numbers(number for number, _ in nearest)
        return [(found[number], score) for number, score in nearest]

    def nearest(self, vector: list[float], limit: int) -> list[tuple[int, float]]:
        """Return (row number, inner product) of the nearest chunks, best first."""
        self.flush()
        if self._file is None or not self._numbers:
            return []
        return [(self._numbers[p], score) for p, score in self._file.nearest(vector, limit)]

    def flush(self) -> None:
        """Bring the file of vectors in step with the rows."""
        if not self._stale:
            return
        numbers = self._rows.numbers()
        if numbers:
            blocks = self._blocks(numbers)
            first = next(blocks)
            write_vectors(self._path, first.shape[1], _chain(first, blocks))
        self._file = VectorFile(self._path) if numbers else None
        self._numbers, self._fresh, self._stale = numbers, {}, False

    def close(self) -> None:
        """Let go of the files."""
        self._file = None
        self._connection.close()

    def _map_file(self) -> VectorFile | None:
        if not self._numbers:
            return None
        try:
            file = VectorFile(self._path)
        except OSError:
            return None
        return file if file.count == len(self._numbers) else None

    def _blocks(self, numbers: list[int]) -> Iterator[Matrix]:
        positions = {number: position for position, number in enumerate(self._numbers)}
        for start in range(0, len(numbers), _BATCH):
            batch = numbers[start : start + _BATCH]
            vectors = {n: self._fresh[n] for n in batch if n in self._fresh}
            if self._file is not None:
                known = [n for n in batch if n in positions and n not in vectors]
                vectors |= {n: self._file.vector(positions[n]) for n in known}
            lost = [n for n in batch if n not in vectors]
            vectors |= self._restore(lost)
            yield np.stack([vectors[n] for n in batch])

    def _restore(self, numbers: list[int]) -> dict[int, Matrix]:
        """Return vectors that are in no file: from their rows, or made again."""
        vectors, bare = self._rows.embeddings(numbers)
        made = self._embeddings.embed_documents(list(bare.values())) if bare else []
        for number, vector in zip(bare, made, strict=True):
            vectors[number] = np.asarray(vector, np.float32)
        return vectors

    def _insert(self, name: str, text: str, extra: dict[str, Any], vector: list[float]) -> None:
        array = np.asarray(vector, np.float32)
        number = self._rows.insert(name, text, extra, array if self._keep_vectors else None)
        self._fresh[number] = array

    def _remove(self, ids: list[str]) -> None:
        for number in self._rows.remove(ids):
            self._fresh.pop(number, None)

    def _changing(self) -> AbstractContextManager[object]:
        self._stale = True
        if self._connection.in_transaction:
            return nullcontext()
        return transaction(self._connection)


def _chain(first: Matrix, rest: Iterator[Matrix]) -> Iterator[Matrix]:
    yield first
    yield from rest
