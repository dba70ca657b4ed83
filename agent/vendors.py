"""The one way any vendor is called: wall-clock deadline, few retries, circuit, our errors."""

import asyncio
import logging
import math
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from email.utils import parsedate_to_datetime
from typing import TypeVar

from agent.errors import AccountError, PermanentError, TemporaryError, VendorError

#: Statuses of HTTP that say "again later"; RFC 9110, RFC 6585.
_TEMPORARY = {408, 409, 425, 429}
#: A longer wait is left to the caller, whose work may be put off.
_LONGEST_WAIT = 60.0
#: Codes that arrive with a temporary status although waiting does not help.
_EXHAUSTED = {"insufficient_quota", "credit_balance_exhausted", "quota_exceeded"}

T = TypeVar("T")
_log = logging.getLogger(__name__)
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def shared_deadline(at: float) -> Iterator[None]:
    """Bound every vendor call of this block by one moment of the event loop's clock."""
    token = _deadline.set(at)
    try:
        yield
    finally:
        _deadline.reset(token)


def deadline() -> float | None:
    """Return the shared deadline of whoever asks, on the event loop's clock, if there is one."""
    return _deadline.get()


class Vendor:
    """One vendor's policy and circuit, for the life of the process.

    A vendor that refuses the account is left alone for `refused_seconds`.

    A client's own timeout counts from read to read, so that a dripping answer never ends;
    this one counts by the wall. Clients must be built with their own retries off.
    """

    def __init__(
        self,
        name: str,
        explain: Callable[[Exception], VendorError],
        *,
        attempts: int = 3,
        attempt_seconds: float = 30.0,
        patience: int = 5,
        refused_seconds: float = 300.0,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._explain = explain
        self._attempts = attempts
        self._attempt_seconds = attempt_seconds
        self._patience = patience
        self._refused_seconds = refused_seconds
        self._pause = pause
        self._clock = clock
        self._failures = 0
        self._closed_until = 0.0

    async def call(self, request: Callable[[], Awaitable[T]]) -> T:
        """Return what `request` gives, repeated while that can help and time is left.

        Raises `TemporaryError` or `PermanentError`, and nothing else of the vendor's.
        """
        for attempt in range(self._attempts):
            self._check_circuit()
            try:
                answer = await self._bounded(request)
            except VendorError as error:
                self._count(error)
                wait = self._wait_before_retry(error, attempt)
                if wait is None:
                    raise
                _log.warning(
                    "vendor call failed, to be repeated",
                    extra={"action": "vendor_retry", "vendor": self.name, "attempt": attempt + 1},
                )
                await self._pause(wait)
            else:
                self._failures = 0
                return answer
        raise TemporaryError(f"{self.name} did not answer")  # pragma: no cover

    async def _bounded(self, request: Callable[[], Awaitable[T]]) -> T:
        end = asyncio.get_running_loop().time() + self._attempt_seconds
        limit = _deadline.get()
        try:
            async with asyncio.timeout_at(end if limit is None else min(end, limit)):
                return await request()
        except TimeoutError as error:
            # What our own deadline cut short says nothing about the vendor's health.
            code = "timeout" if limit is None or end <= limit else "deadline"
            raise TemporaryError(f"{self.name} did not answer in time", code=code) from error
        except VendorError:
            raise
        except Exception as error:
            raise self._explain(error) from error

    def _wait_before_retry(self, error: VendorError, attempt: int) -> float | None:
        """Return the seconds to wait, or None when another attempt makes no sense."""
        if not isinstance(error, TemporaryError) or attempt + 1 >= self._attempts:
            return None
        backoff = 0.5 * 2.0**attempt * random.uniform(0.5, 1.5)  # nosec B311
        wait = backoff if error.retry_after is None else error.retry_after
        limit = _deadline.get()
        if wait > _LONGEST_WAIT:
            return None
        if limit is not None and asyncio.get_running_loop().time() + wait >= limit:
            return None
        return wait

    def _check_circuit(self) -> None:
        left = self._closed_until - self._clock()
        if left > 0:
            raise TemporaryError(
                f"{self.name} is left alone for {left:.0f} s after repeated failures",
                code="circuit",
                retry_after=left,
            )

    def _count(self, error: VendorError) -> None:
        """Open the circuit: at once for refused credentials or quota, else after several.

        A request that was refused for what it held shows a vendor in good health.
        """
        refused = isinstance(error, AccountError)
        if not refused:
            # Nor does an empty answer, which one contact's words may have brought about.
            if not isinstance(error, TemporaryError) or error.code in ("deadline", "empty"):
                return
            self._failures += 1
            if self._failures < self._patience:
                return
        seconds = self._refused_seconds if refused else 30.0
        self._closed_until = self._clock() + seconds
        self._failures = 0
        _log.error(
            "vendor left alone",
            extra={"action": "circuit_opened", "vendor": self.name, "seconds": seconds},
        )


def explain_http(
    vendor: str, status: int | None, code: str = "", retry_after: str | None = None
) -> VendorError:
    """Return our error for an HTTP answer, or for none at all (`status` None)."""
    if status is None:
        return TemporaryError(f"{vendor} could not be reached", code=code)
    told = f"{vendor} answered {status}" + (f" ({code})" if code else "")
    if code in _EXHAUSTED:
        return AccountError(f"{told}: the account's quota is used up", code=code)
    if status in (401, 403):
        return AccountError(f"{told}: check the key", code=code or str(status))
    if status in _TEMPORARY or status >= 500:
        return TemporaryError(told, code=code or str(status), retry_after=_seconds(retry_after))
    return PermanentError(told, code=code or str(status))


def _seconds(retry_after: str | None) -> float | None:
    """Return the wait of a `Retry-After` header, which is a number or a date (RFC 9110)."""
    if retry_after is None:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(retry_after).timestamp() - time.time()
        except ValueError:
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
