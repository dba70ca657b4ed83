"""The one policy by which any vendor is called."""

import asyncio
import time
from email.utils import formatdate

import pytest

from agent.errors import (
    AccountError,
    InDoubtError,
    PermanentError,
    TemporaryError,
    VendorError,
)
from agent.vendors import Vendor, deadline, explain_http, shared_deadline


class VendorBroke(Exception):
    """What a vendor's own client raises; `outcome` is what it means to us."""

    def __init__(self, outcome: VendorError) -> None:
        super().__init__("secret words of a contact")
        self.outcome = outcome


def explain(error: Exception) -> VendorError:
    """Turn the vendor's exception into ours."""
    return error.outcome if isinstance(error, VendorBroke) else TemporaryError("unknown")


class Line:
    """A vendor on the phone: its clock, the pauses taken, and what it will answer."""

    def __init__(self, **policy: float) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        self.calls = 0
        self.outcomes: list[VendorError | None] = []
        self.vendor = Vendor(
            "acme",
            explain,
            attempts=int(policy.pop("attempts", 3)),
            pause=self._pause,
            clock=lambda: self.now,
            **policy,  # type: ignore[arg-type]
        )

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    async def call(self, *outcomes: VendorError | None) -> str:
        """Call; each request meets the next outcome, None is success."""
        self.outcomes += outcomes
        return await self.vendor.call(self._request)

    async def _request(self) -> str:
        self.calls += 1
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if outcome is not None:
            raise VendorBroke(outcome)
        return "answer"


BUSY = TemporaryError("busy", code="503")


async def test_an_answer_comes_back() -> None:
    """A call that goes well is made once."""
    line = Line()

    assert await line.call() == "answer"
    assert (line.calls, line.pauses) == (1, [])


async def test_a_temporary_failure_is_repeated() -> None:
    """What may pass is tried again after growing, scattered pauses."""
    line = Line()

    assert await line.call(BUSY, BUSY) == "answer"
    first, second = line.pauses
    assert 0.25 <= first <= 0.75
    assert 0.5 <= second <= 1.5


async def test_attempts_are_bounded() -> None:
    """After the last attempt the vendor's last error is ours to deal with, its cause kept."""
    line = Line()

    with pytest.raises(TemporaryError, match="busy") as raised:
        await line.call(BUSY, BUSY, BUSY)

    assert line.calls == 3
    assert isinstance(raised.value.__cause__, VendorBroke)


async def test_a_permanent_failure_is_not_repeated() -> None:
    """What never passes is tried once."""
    line = Line()

    with pytest.raises(PermanentError):
        await line.call(PermanentError("bad request"))

    assert line.calls == 1


async def test_the_vendor_says_how_long_to_wait() -> None:
    """`Retry-After` replaces our own pause, down to no pause at all."""
    line = Line()

    await line.call(
        TemporaryError("busy", retry_after=7.0), TemporaryError("busy", retry_after=0.0)
    )

    assert line.pauses == [7.0, 0.0]


async def test_a_long_wait_is_left_to_the_caller() -> None:
    """A wait of an hour is not slept through inside a call; the caller learns of it."""
    line = Line()

    with pytest.raises(TemporaryError) as raised:
        await line.call(TemporaryError("busy", retry_after=3600.0))

    assert line.pauses == []
    assert raised.value.retry_after == 3600.0


async def test_a_drip_ends_at_the_deadline() -> None:
    """An answer that keeps dripping is cut at the attempt's wall-clock limit."""
    vendor = Vendor("acme", explain, attempts=1, attempt_seconds=0.1)

    async def drip() -> None:
        for _ in range(1000):
            await asyncio.sleep(0.01)

    began = time.monotonic()
    with pytest.raises(TemporaryError) as raised:
        await vendor.call(drip)

    assert raised.value.code == "timeout"
    assert 0.1 <= time.monotonic() - began < 2.0


async def test_the_shared_deadline_bounds_all_calls() -> None:
    """The turn's deadline cuts a call short, however long the call itself might take."""
    vendor = Vendor("acme", explain, attempts=5, attempt_seconds=60.0)

    async def never() -> None:
        await asyncio.sleep(60)

    began = time.monotonic()
    end = asyncio.get_running_loop().time() + 0.1
    with shared_deadline(end), pytest.raises(TemporaryError) as raised:
        await vendor.call(never)

    assert raised.value.code == "deadline"
    assert time.monotonic() - began < 2.0


async def test_a_wait_beyond_the_deadline_is_not_begun() -> None:
    """When the wait would outlast the turn, the error comes at once."""
    line = Line()

    end = asyncio.get_running_loop().time() + 5.0
    with shared_deadline(end), pytest.raises(TemporaryError):
        await line.call(TemporaryError("busy", retry_after=7.0))

    assert (line.calls, line.pauses) == (1, [])


async def test_deadlines_of_turns_do_not_mix() -> None:
    """Each task keeps its own deadline, and none is left behind."""
    vendor = Vendor("acme", explain, attempts=1, attempt_seconds=0.5)
    loop = asyncio.get_running_loop()

    async def turn(seconds: float) -> str:
        async def answer() -> str:
            await asyncio.sleep(0.1)
            return "answer"

        with shared_deadline(loop.time() + seconds):
            return await vendor.call(answer)

    hasty, patient = await asyncio.gather(turn(0.01), turn(5.0), return_exceptions=True)

    assert isinstance(hasty, TemporaryError)
    assert patient == "answer"


async def test_repeated_failures_open_the_circuit() -> None:
    """After five failures in a row the vendor is left alone for 30 seconds, then tried again."""
    line = Line(attempts=1)
    for _ in range(5):
        with pytest.raises(TemporaryError, match="busy"):
            await line.call(BUSY)

    with pytest.raises(TemporaryError) as raised:
        await line.call()

    assert (line.calls, raised.value.code) == (5, "circuit")
    assert raised.value.retry_after == pytest.approx(30.0)
    line.now += 30.0
    assert await line.call() == "answer"


async def test_a_success_forgets_failures() -> None:
    """Only failures in a row open the circuit."""
    line = Line(attempts=1)
    for _ in range(3):
        for _ in range(4):
            with pytest.raises(TemporaryError):
                await line.call(BUSY)
        await line.call()

    assert line.calls == 15


async def test_refused_credentials_open_the_circuit_at_once() -> None:
    """A refused key or an empty account is not asked again for five minutes."""
    for error in (
        explain_http("acme", 401, "20003"),
        explain_http("acme", 403),
        explain_http("acme", 429, "insufficient_quota"),
    ):
        line = Line()
        with pytest.raises(PermanentError):
            await line.call(error)
        with pytest.raises(TemporaryError) as raised:
            await line.call()

        assert line.calls == 1
        assert raised.value.retry_after == pytest.approx(300.0)


async def test_a_refusal_may_last_longer() -> None:
    """A vendor whose quota comes back slowly is left alone for as long as its adapter says."""
    line = Line(refused_seconds=3600.0)
    with pytest.raises(AccountError):
        await line.call(explain_http("acme", 401, "quota_exceeded"))

    line.now += 3599.0
    with pytest.raises(TemporaryError) as raised:
        await line.call()

    assert raised.value.code == "circuit"
    line.now += 1.0
    assert await line.call() == "answer"


async def test_the_shared_deadline_can_be_asked_for() -> None:
    """Whoever waits for something else than a vendor knows how long it may."""
    assert deadline() is None
    with shared_deadline(7.0):
        assert deadline() == 7.0
    assert deadline() is None


async def test_bad_requests_do_not_open_the_circuit() -> None:
    """One contact's words that a vendor refuses do not silence it for the others."""
    line = Line()
    for _ in range(20):
        with pytest.raises(PermanentError):
            await line.call(explain_http("acme", 400, "content_policy"))

    assert await line.call() == "answer"


async def test_our_own_haste_does_not_open_the_circuit() -> None:
    """Calls that the turn's deadline cut short say nothing about the vendor."""
    vendor = Vendor("acme", explain, attempts=1)

    async def slow() -> str:
        await asyncio.sleep(0.01)
        return "answer"

    for _ in range(10):
        now = asyncio.get_running_loop().time()
        with shared_deadline(now), pytest.raises(TemporaryError):
            await vendor.call(slow)

    assert await vendor.call(slow) == "answer"


async def test_a_cancelled_call_stays_cancelled() -> None:
    """Cancellation is the caller's wish and becomes no error of the vendor's."""
    line = Vendor("acme", explain)
    task = asyncio.create_task(line.call(lambda: asyncio.sleep(60)))
    await asyncio.sleep(0)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_our_own_errors_pass_unchanged() -> None:
    """An adapter that raises our error itself is understood without translation."""
    vendor = Vendor("acme", explain, attempts=1)
    error = InDoubtError("lost")

    async def lost() -> None:
        raise error

    with pytest.raises(InDoubtError) as raised:
        await vendor.call(lost)

    assert raised.value is error


@pytest.mark.parametrize(
    ("status", "code", "kind", "told"),
    [
        (None, "", TemporaryError, "could not be reached"),
        (400, "content_filter", PermanentError, "400 (content_filter)"),
        (401, "", AccountError, "check the key"),
        (403, "forbidden", AccountError, "check the key"),
        (404, "", PermanentError, "404"),
        (408, "", TemporaryError, "408"),
        (409, "", TemporaryError, "409"),
        (422, "", PermanentError, "422"),
        (429, "rate_limit_exceeded", TemporaryError, "429"),
        (429, "insufficient_quota", AccountError, "quota is used up"),
        (401, "quota_exceeded", AccountError, "quota is used up"),
        (500, "", TemporaryError, "500"),
        (529, "overloaded", TemporaryError, "529"),
    ],
)
def test_statuses_have_their_meaning(
    status: int | None, code: str, kind: type[VendorError], told: str
) -> None:
    """Each answer of HTTP is worth repeating, or never, or a matter of the account."""
    error = explain_http("acme", status, code)

    assert type(error) is kind
    assert told in str(error)
    assert error.code == (code or ("" if status is None else str(status)))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_read(header: str | None, seconds: float | None) -> None:
    """A wait is a number from zero up; what is none is as if it were not there."""
    error = explain_http("acme", 429, retry_after=header)

    assert isinstance(error, TemporaryError)
    assert error.retry_after == seconds


def test_retry_after_may_be_a_date() -> None:
    """A wait may be told as the moment of its end."""
    error = explain_http("acme", 503, retry_after=formatdate(time.time() + 100, usegmt=True))

    assert isinstance(error, TemporaryError)
    assert error.retry_after == pytest.approx(100, abs=5)
