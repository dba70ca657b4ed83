"""What the operator is told: once a minute at most of each kind, over one client."""

import logging
from collections.abc import AsyncIterator

import httpx
import pytest

from channels.alerts import Alerts
from tests.fakes import ManualClock

ADDRESS = "https://hooks.example/planted-token"


class Operator:
    """An address that keeps what it is told, and counts who makes clients for it."""

    def __init__(self) -> None:
        self.told: list[dict[str, object]] = []
        self.clients = 0
        self.status = 200
        self.clock = ManualClock()
        self.alerts = Alerts(ADDRESS, clock=self.clock, connect=self._connect)

    def _connect(self) -> httpx.AsyncClient:
        self.clients += 1
        return httpx.AsyncClient(transport=httpx.MockTransport(self._hear))

    def _hear(self, request: httpx.Request) -> httpx.Response:
        self.told.append(httpx.Response(200, content=request.content).json())
        return httpx.Response(self.status)


@pytest.fixture
async def operator() -> AsyncIterator[Operator]:
    """An operator whose client is closed at the end."""
    operator = Operator()
    yield operator
    await operator.alerts.close()


async def test_a_thousand_failures_are_one_alert(operator: Operator) -> None:
    """While every turn fails, one alert a minute says so and how many were left out before it."""
    for number in range(1000):
        await operator.alerts.send("turn_failed", f"turn {number}")
    operator.clock.advance(60)
    await operator.alerts.send("turn_failed", "turn 1000")
    operator.clock.advance(60)
    await operator.alerts.send("turn_failed", "turn 1001")

    assert operator.told == [
        {"action": "turn_failed", "id": "turn 0", "count": 0},
        {"action": "turn_failed", "id": "turn 1000", "count": 999},
        {"action": "turn_failed", "id": "turn 1001", "count": 0},
    ]
    assert operator.clients == 1


async def test_kinds_do_not_silence_each_other(operator: Operator) -> None:
    """A failed part is told at once, whatever has been told of turns."""
    await operator.alerts.send("turn_failed", "turn")
    await operator.alerts.send("part_failed", "part")

    assert [each["action"] for each in operator.told] == ["turn_failed", "part_failed"]


async def test_an_alert_that_was_refused_is_counted(
    operator: Operator, caplog: pytest.LogCaptureFixture
) -> None:
    """An address that refuses is logged without its token and left alone for the minute too."""
    operator.status = 500
    for _ in range(3):
        await operator.alerts.send("turn_failed", "turn")
    operator.status = 200
    operator.clock.advance(60)
    await operator.alerts.send("turn_failed", "turn")

    assert [each["count"] for each in operator.told] == [0, 3]
    (told,) = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert (told.action, told.error) == ("alert_failed", "HTTPStatusError")
    assert "planted" not in caplog.text


async def test_without_an_address_nothing_is_made() -> None:
    """Where the operator named no address, no client is built."""

    def connect() -> httpx.AsyncClient:
        raise AssertionError

    alerts = Alerts("", connect=connect)

    await alerts.send("turn_failed", "turn")
    await alerts.close()
