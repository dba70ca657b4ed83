"""Deletes recordings once they are old enough: ours, and those that a channel keeps for us."""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

from agent.errors import AccountError, PermanentError, StorageError, VendorError
from channels.ledger import Ledger
from channels.media_store import MediaStore

#: Between two looks at least, however much is due: what failed is tried again after it.
_PAUSE_SECONDS = 3600.0
_BATCH = 100
#: What became of a message's files: nothing is left to be asked for, or some of it next time; or
#: the channel would refuse all others too.
_Outcome = Literal["done", "later", "never now"]

_log = logging.getLogger(__name__)


class Eraser(Protocol):
    """Deletes files that a channel keeps."""

    async def erase(self, url: str) -> None:
        """Delete the file of a message; nothing happens to one that is not there, or not ours.

        Raises `VendorError`.
        """
        ...


class Retention:
    """Keeps recordings for some hours and no longer, beside the worker's other work.

    A contact's file that an unfinished turn may still need stays until the turn is over.
    """

    def __init__(
        self,
        ledger: Ledger,
        store: MediaStore,
        eraser: Eraser,
        hours: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ledger = ledger
        self._queries = ledger.queries
        self._store = store
        self._eraser = eraser
        self._seconds = hours * 3600.0
        self._clock = clock

    async def run(self) -> None:
        """Delete what is due, now and whenever more of it is, until cancelled."""
        while True:
            pause = await self.sweep()
            await asyncio.sleep(pause)

    async def sweep(self) -> float:
        """Delete what is due now, and return in how many seconds more of it may be."""
        try:
            before = self._clock() - self._seconds
            expired = await asyncio.to_thread(self._store.expire, before)
            erased = await self._erase(before)
            oldest = await asyncio.to_thread(self._oldest)
        except StorageError as error:
            _log.warning(
                "old recordings not deleted, to be repeated",
                extra={"action": "retention_failed", "error": str(error)},
            )
            return _PAUSE_SECONDS
        except Exception:  # noqa: BLE001 - one file's trouble must not keep all others for ever
            _log.exception("retention broke, to be repeated", extra={"action": "retention_broke"})
            return _PAUSE_SECONDS
        if expired or erased:
            _log.info(
                "old recordings deleted",
                extra={"action": "recordings_deleted", "ours": expired, "channels": erased},
            )
        # What is kept from now on, by whichever process, is not due before all of the time.
        due = self._seconds if oldest is None else oldest + self._seconds - self._clock()
        return min(max(due, _PAUSE_SECONDS), max(self._seconds, _PAUSE_SECONDS))

    async def _erase(self, before: float) -> int:
        """Have the channel delete what it keeps; returns of how many messages it did."""
        erased = after = 0
        while rows := await asyncio.to_thread(self._old_files, before, after):
            after = rows[-1]["position"]
            for row in rows:
                outcome = await self._erase_files(json.loads(row["message"])["media"])
                if outcome == "never now":
                    return erased
                if outcome == "done":
                    await asyncio.to_thread(self._note_gone, row["position"])
                    erased += 1
        return erased

    async def _erase_files(self, media: Sequence[dict[str, str]]) -> _Outcome:
        outcome: _Outcome = "done"
        for each in media:
            try:
                await self._eraser.erase(each["url"])
            except VendorError as error:
                _log.warning(
                    "a file was not deleted",
                    extra={"action": "erasing_failed", "error": str(error)},
                )
                if isinstance(error, AccountError) or error.code == "circuit":
                    return "never now"
                # What is refused for good would be refused again.
                if not isinstance(error, PermanentError):
                    outcome = "later"
        return outcome

    def _old_files(self, before: float, after: int) -> list[Any]:
        with self._ledger.read() as connection:
            return list(
                self._queries.old_files(connection, before=before, after=after, limit=_BATCH)
            )

    def _note_gone(self, position: int) -> None:
        with self._ledger.write() as connection:
            self._queries.note_files_gone(connection, position=position)

    def _oldest(self) -> float | None:
        with self._ledger.read() as connection:
            files = self._queries.oldest_files(connection)
        moments = [moment for moment in (files, self._store.oldest()) if moment is not None]
        return min(moments, default=None)
