"""The typing indicator of one contact, on a clock that the test moves."""

import asyncio
from collections.abc import Callable

import pytest

from agent.messages import TurnMessage
from channels.errands import Errands
from channels.typing import AGAIN_SECONDS, Typing


class Alarm:
    """An action that waits for its moment."""

    def __init__(self, at: float, action: Callable[[], None]) -> None:
        self.at = at
        self.action = action
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    """A clock with alarms."""

    def __init__(self) -> None:
        self.now = 0.0
        self._alarms: list[Alarm] = []

    def later(self, seconds: float, action: Callable[[], None]) -> Alarm:
        self._alarms.append(Alarm(self.now + seconds, action))
        return self._alarms[-1]

    @property
    def pending(self) -> list[Alarm]:
        return [alarm for alarm in self._alarms if not alarm.cancelled]

    async def pass_by(self, seconds: float) -> None:
        """Let time pass, and whatever begins meanwhile end."""
        end = self.now + seconds
        while due := [alarm for alarm in self.pending if alarm.at <= end]:
            first = min(due, key=lambda alarm: alarm.at)
            self._alarms.remove(first)
            self.now = first.at
            first.action()
        self.now = end
        await settle()


class Phone:
    """What the contact's phone was asked to show."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.error: Exception | None = None

    async def show(self, message: TurnMessage) -> None:
        self.shown.append(message.id)
        if self.error is not None:
            raise self.error


async def settle() -> None:
    """Let every task that can run now run."""
    for _ in range(5):
        await asyncio.sleep(0)


def message(id: str = "m1") -> TurnMessage:
    """Return a contact's message."""
    return TurnMessage(id=id, kind="text", text="olá", received_at=0.0, provider_id=f"SM{id}")


@pytest.fixture
def clock() -> Clock:
    """A clock at zero."""
    return Clock()


@pytest.fixture
def phone() -> Phone:
    """A phone that shows nothing yet."""
    return Phone()


@pytest.fixture
def typing(phone: Phone, clock: Clock) -> Typing:
    """The indicator of one contact."""
    return Typing(phone.show, Errands(), later=clock.later)


async def test_it_is_shown_at_once(typing: Typing, phone: Phone) -> None:
    """The request leaves without any time passing."""
    typing.show(message())
    await settle()

    assert phone.shown == ["m1"]


async def test_it_is_shown_once_for_a_message(typing: Typing, phone: Phone, clock: Clock) -> None:
    """Looking at the same message again asks for nothing, and does not put the renewal off."""
    typing.show(message())
    await clock.pass_by(AGAIN_SECONDS - 1)
    typing.show(message())
    await settle()
    assert phone.shown == ["m1"]

    await clock.pass_by(1)

    assert phone.shown == ["m1", "m1"]


async def test_it_outlasts_a_long_turn(typing: Typing, phone: Phone, clock: Clock) -> None:
    """WhatsApp shows it for 25 seconds, so it is asked for every 20 while the turn goes on."""
    typing.show(message())
    await clock.pass_by(59)

    assert phone.shown == ["m1"] * 3


async def test_a_newer_message_takes_over(typing: Typing, phone: Phone, clock: Clock) -> None:
    """The next message of a burst is marked as read too, and is the one that is renewed."""
    typing.show(message("m1"))
    await clock.pass_by(5)
    typing.show(message("m2"))
    await settle()
    assert phone.shown == ["m1", "m2"]

    await clock.pass_by(19)
    assert phone.shown == ["m1", "m2"]
    await clock.pass_by(1)

    assert phone.shown == ["m1", "m2", "m2"]


async def test_nothing_is_left_after_the_turn(typing: Typing, phone: Phone, clock: Clock) -> None:
    """Once stopped, no timer waits and nothing is asked for, however often it is stopped."""
    typing.show(message())
    await settle()
    typing.stop()
    typing.stop()

    assert clock.pending == []
    await clock.pass_by(100)
    assert phone.shown == ["m1"]


async def test_stopping_what_never_began_is_fine(typing: Typing, clock: Clock) -> None:
    """A turn that was not worked on has nothing to stop."""
    typing.stop()

    assert clock.pending == []


async def test_a_turn_that_begins_again_shows_it_again(typing: Typing, phone: Phone) -> None:
    """After a stop even the same message is news: its indicator may have faded."""
    typing.show(message())
    typing.stop()
    typing.show(message())
    await settle()

    assert phone.shown == ["m1", "m1"]


async def test_a_failure_is_nobodys_concern(typing: Typing, phone: Phone, clock: Clock) -> None:
    """When showing fails, the caller does not learn of it, and the next time comes."""
    phone.error = RuntimeError("broken")
    typing.show(message())
    await clock.pass_by(AGAIN_SECONDS)

    assert phone.shown == ["m1", "m1"]


async def test_the_event_loop_is_its_clock(phone: Phone) -> None:
    """Without a clock of its own, stopping leaves no task behind that would hold the loop."""
    typing = Typing(phone.show, Errands())
    typing.show(message())
    await settle()
    typing.stop()

    assert phone.shown == ["m1"]
    assert asyncio.all_tasks() == {asyncio.current_task()}
