"""What the processes of a house print, kept line by line for tests that wait for a line."""

import threading
from collections.abc import Callable
from typing import IO


class Console:
    """The output of all processes of a house, in order; safe from any thread."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._readers: list[threading.Thread] = []
        #: Pipes that somebody may still write to.
        self._open = 0

    def follow(self, stream: IO[str]) -> None:
        """Read a pipe until its last writer is gone."""
        reader = threading.Thread(target=self._read, args=(stream,), daemon=True)
        with self._changed:
            self._open += 1
        self._readers.append(reader)
        reader.start()

    def join(self) -> None:
        """Wait until every pipe has been read to its end."""
        for reader in self._readers:
            reader.join(timeout=5)

    def lines(self, part: str = "") -> list[str]:
        """Return the lines that hold `part`, oldest first."""
        with self._changed:
            return [line for line in self._lines if part in line]

    def wait_for(self, part: str, *, times: int = 1, timeout: float = 15.0) -> str:
        """Return the `times`-th line that holds `part`, once it is there."""
        return self.wait_until(lambda: self.lines(part)[times - 1 : times], part, timeout)[0]

    def wait_until(
        self, found: Callable[[], list[str]], what: str, timeout: float = 15.0
    ) -> list[str]:
        """Return the first non-empty result of `found`, asked again at every new line.

        Raises `TimeoutError` after `timeout` seconds, or as soon as nobody is left who could
        print it.
        """
        with self._changed:
            self._changed.wait_for(lambda: found() or self._open == 0, timeout)
            result = found()
        if not result:
            raise TimeoutError(f"within {timeout} s nothing printed {what!r}")
        return result

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                with self._changed:
                    self._lines.append(line.rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._open -= 1
            self._changed.notify_all()
