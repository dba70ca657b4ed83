"""Typed values out of an environment, with every mistake collected on the way."""

from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import urlsplit

from agent.errors import SettingsError

T = TypeVar("T")


class Environment:
    """Reads one environment; a wrong value becomes its default and a mistake to report."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._mistakes: list[str] = []

    def raise_mistakes(self) -> None:
        """Raise `SettingsError` with everything noted so far, if anything was."""
        if self._mistakes:
            listed = "\n".join(f"  - {mistake}" for mistake in self._mistakes)
            raise SettingsError(f"these settings need a correction:\n{listed}")

    def text(self, name: str) -> str:
        """Return the value without surrounding space, empty when it is not set."""
        return self._env.get(name, "").strip()

    def words(self, name: str) -> tuple[str, ...]:
        """Return the words, in lower case, between commas or spaces."""
        return tuple(self.text(name).replace(",", " ").lower().split())

    def number(self, name: str, default: float, *, least: float, most: float) -> float:
        """Return a number within its bounds."""
        return self._within(name, default, float, "a number", least, most)

    def whole(self, name: str, default: int, *, least: int, most: int) -> int:
        """Return a whole number within its bounds."""
        return self._within(name, default, int, "a whole number", least, most)

    def optional(self, name: str) -> float | None:
        """Return an amount from 0 up, None when it is not set."""
        return self.number(name, 0, least=0, most=1e9) if self.text(name) else None

    def optional_whole(self, name: str) -> int | None:
        """Return a whole number from 1 up, None when it is not set."""
        return self.whole(name, 1, least=1, most=100_000) if self.text(name) else None

    def choice(self, name: str, default: T, choices: tuple[T, ...]) -> T:
        """Return one of the choices, written in any case."""
        given = self.text(name).lower()
        if not given:
            return default
        for choice in choices:
            if given == choice:
                return choice
        self._mistakes.append(f"{name}: use one of {', '.join(map(str, choices))}")
        return default

    def switch(self, name: str) -> bool:
        """Return whether the setting is on; it is off when not set."""
        given = self.text(name).lower()
        if given not in ("", "0", "1", "true", "false", "on", "off", "yes", "no"):
            self._mistakes.append(f"{name}: use true or false")
        return given in ("1", "true", "on", "yes")

    def url(self, name: str) -> str:
        """Return a web address without a slash at its end."""
        given = self.text(name)
        if given and not _is_web_address(given):
            self._mistakes.append(f"{name}: write a whole address, https://…")
            return ""
        return given.rstrip("/")

    def key(self, name: str) -> str:
        """Return a secret of at least 32 characters."""
        given = self.text(name)
        if given and len(given.encode()) < 32:
            self._mistakes.append(
                f"{name}: is shorter than 32 characters; "
                'make one with: python3 -c "import secrets; print(secrets.token_urlsafe(32))"'
            )
        return given

    def database_url(self) -> str:
        """Return the address of a PostgreSQL database, empty for SQLite."""
        given = self.text("DATABASE_URL")
        if given and not given.startswith(("postgresql://", "postgres://")):
            self._mistakes.append("DATABASE_URL: write postgresql://…, or leave it out for SQLite")
        return given

    def _within(
        self, name: str, default: T, kind: Callable[[str], T], what: str, least: T, most: T
    ) -> T:
        given = self.text(name)
        if not given:
            return default
        try:
            value = kind(given)
        except ValueError:
            self._mistakes.append(f"{name}: write {what}")
            return default
        if not least <= value <= most:  # type: ignore[operator]
            self._mistakes.append(f"{name}: write {what} from {least} to {most}")
            return default
        return value


def _is_web_address(given: str) -> bool:
    try:
        parts = urlsplit(given)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False  # brackets that are no address, a port that is no number
