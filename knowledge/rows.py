"""The chunks of a generation as SQLite rows, with their tokens in step."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

import numpy as np
from langchain_core.documents import Document

from knowledge.lexical import LexicalIndex
from knowledge.vectors import Matrix

# SQLite's limit on `?` in a statement was 999 for long.
_MOST_PARAMETERS = 900


class ChunkRows:
    """The table `chunk` and its lexical index; the caller holds the transaction.

    A row's number is never used twice, so it stands for one text and its vector for ever.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.lexical = LexicalIndex(connection)
        self._connection = connection

    def insert(
        self, name: str, text: str, metadata: dict[str, Any], embedding: Matrix | None
    ) -> int:
        """Store a chunk under a new id and return its number."""
        cursor = self._connection.execute(
            "INSERT INTO chunk (id, text, metadata, embedding) VALUES (?, ?, ?, ?)",
            (
                name,
                text,
                json.dumps(metadata, ensure_ascii=False),
                None if embedding is None else embedding.tobytes(),
            ),
        )
        number = int(cursor.lastrowid or 0)
        self.lexical.add(number, text)
        return number

    def remove(self, ids: Sequence[str]) -> list[int]:
        """Forget these chunks and return the numbers they had; unknown ids are no mistake."""
        removed: list[int] = []
        for number, text in self._select("number, text", "id", ids):
            self.lexical.remove(number, text)
            self._connection.execute("DELETE FROM chunk WHERE number = ?", (number,))
            removed.append(number)
        return removed

    def by_ids(self, ids: Sequence[str]) -> list[Document]:
        """Return the chunks of these ids that exist, in no order."""
        return list(self._documents("id", ids).values())

    def by_numbers(self, numbers: Sequence[int]) -> dict[int, Document]:
        """Return the chunks of these numbers."""
        return self._documents("number", numbers)

    def embeddings(self, numbers: Sequence[int]) -> tuple[dict[int, Matrix], dict[int, str]]:
        """Return the vectors that are stored, and the texts of the rows that store none."""
        stored: dict[int, Matrix] = {}
        bare: dict[int, str] = {}
        for number, text, blob in self._select("number, text, embedding", "number", numbers):
            if blob is None:
                bare[number] = text
            else:
                stored[number] = np.frombuffer(blob, np.float32)
        return stored, bare

    def numbers(self) -> list[int]:
        """Return all numbers in their order."""
        return [n for (n,) in self._connection.execute("SELECT number FROM chunk ORDER BY number")]

    def ids(self) -> list[str]:
        """Return all ids."""
        return [name for (name,) in self._connection.execute("SELECT id FROM chunk")]

    def _documents(self, key: str, values: Sequence[Any]) -> dict[int, Document]:
        return {
            number: Document(id=name, page_content=text, metadata=json.loads(metadata))
            for number, name, text, metadata in self._select(
                "number, id, text, metadata", key, values
            )
        }

    def _select(self, columns: str, key: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        for start in range(0, len(values), _MOST_PARAMETERS):
            part = values[start : start + _MOST_PARAMETERS]
            marks = ", ".join("?" * len(part))
            # Only names from this file are put into the text; the values are bound.
            query = f"SELECT {columns} FROM chunk WHERE {key} IN ({marks})"  # nosec B608
            found += self._connection.execute(query, part).fetchall()
        return found
