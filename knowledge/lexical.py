"""The lexical arm of the search: SQLite's FTS5 over tokens that we make ourselves."""

import sqlite3

from agent.tokens import document_tokens, query_tokens

# A question longer than this is a story; its first words say what it asks, and each further token
# costs time.
_MOST_TOKENS = 400


class LexicalIndex:
    """BM25 over words and their 4-grams, in the table `lexical` of a generation.

    The table keeps no text, so to remove an entry its tokens are made again from the same text:
    other tokens would leave stale entries behind without an error.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, number: int, text: str) -> None:
        """Make `text` findable under `number`, which must be new."""
        self._connection.execute(
            "INSERT INTO lexical (rowid, tokens) VALUES (?, ?)", (number, _joined(text))
        )

    def remove(self, number: int, text: str) -> None:
        """Forget `number`; `text` must be exactly what was added under it."""
        self._connection.execute(
            "INSERT INTO lexical (lexical, rowid, tokens) VALUES ('delete', ?, ?)",
            (number, _joined(text)),
        )

    def compact(self) -> None:
        """Merge the index into one piece, which also erases what removed texts left in it."""
        self._connection.execute("INSERT INTO lexical (lexical) VALUES ('optimize')")

    def search(self, query: str, limit: int) -> list[tuple[int, float]]:
        """Return (number, BM25 score above 0), best first; empty when no token is shared."""
        tokens = query_tokens(query)[:_MOST_TOKENS]
        if not tokens:
            return []
        match = " OR ".join(f'"{token}"' for token in tokens)
        rows = self._connection.execute(
            "SELECT rowid, -bm25(lexical) FROM lexical WHERE lexical MATCH ?"
            " ORDER BY bm25(lexical), rowid LIMIT ?",
            (match, limit),
        )
        return [(int(number), float(score)) for number, score in rows]


def _joined(text: str) -> str:
    return " ".join(document_tokens(text))
