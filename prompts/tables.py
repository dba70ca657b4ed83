"""Typed values taken out of a parsed TOML file; every mistake is collected, none stops the rest."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any


class Table:
    """One table of a TOML file; a value that is wrong is noted and answered with an empty one."""

    def __init__(self, data: Mapping[str, Any], mistakes: list[str], path: str = "") -> None:
        self._data = data
        self._mistakes = mistakes
        self.path = path

    def has(self, key: str) -> bool:
        """Tell whether `key` is written, rightly or wrongly."""
        return key in self._data

    def keys(self) -> Collection[str]:
        """Return the keys as they are written."""
        return self._data.keys()

    def note(self, key: str, mistake: str) -> None:
        """Note a mistake of `key`, or of the table as a whole when it is empty."""
        self._mistakes.append(f"{self._where(key)}: {mistake}")

    def table(self, key: str) -> "Table":
        """Return the table under `key`, empty when it is not written."""
        value = self._data.get(key, {})
        if not isinstance(value, dict):
            self.note(key, f"write it as a table, [{self._where(key)}]")
            value = {}
        return Table(value, self._mistakes, self._where(key))

    def text(self, key: str, remedy: str) -> str:
        """Return a text that must be written, without the space around it."""
        value = self._data.get(key)
        if isinstance(value, str) and value.strip():
            return value.strip()
        state = "must be a text that is not empty" if self.has(key) else "is missing"
        self.note(key, f"{state}; {remedy}")
        return ""

    def texts(self, key: str, least: int = 0) -> tuple[str, ...]:
        """Return a list of texts, of which at least `least` must be written."""
        value = self._data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(v, str) and v.strip() for v in value):
            self.note(key, f'write a list of texts that are not empty, e.g. {key} = ["…", "…"]')
            return ()
        if len(value) < least:
            state = f"has {len(value)} of at least {least} texts" if self.has(key) else "is missing"
            self.note(key, f'{state}; write {key} = ["…"] with {least} or more')
        return tuple(v.strip() for v in value)

    def named_texts(self) -> dict[str, str]:
        """Return every key of this table with its text."""
        return {key: self.text(key, "write a text between quotes") for key in self._data}

    def number(self, key: str, *, least: float, most: float, default: float) -> float:
        """Return a number from `least` to `most`."""
        value = self._data.get(key, default)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and least <= value <= most:
            return float(value)
        self.note(key, f"write a number from {least:g} to {most:g}")
        return default

    def whole_number(self, key: str, *, least: int, most: int, default: int) -> int:
        """Return a whole number from `least` to `most`."""
        value = self._data.get(key, default)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.note(key, f"write a whole number from {least} to {most}")
        return default

    def truth(self, key: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self._data.get(key, default)
        if isinstance(value, bool):
            return value
        self.note(key, "write true or false, without quotes")
        return default

    def only(self, known: Collection[str]) -> None:
        """Note every key that is not among `known`."""
        for key in sorted(set(self._data) - set(known)):
            near = get_close_matches(key, known, n=1)
            remedy = f'did you mean "{near[0]}"?' if near else f"known: {', '.join(sorted(known))}"
            self.note(key, f"is not a known key; {remedy}")

    def _where(self, key: str) -> str:
        return ".".join(part for part in (self.path, key) if part)
