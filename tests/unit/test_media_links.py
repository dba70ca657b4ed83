"""Links to recordings: only what this installation signed opens something, and only for a time."""

import secrets
import string

import pytest

from agent.keys import Keys
from agent.settings import Secret
from channels.media_links import MediaLinks
from tests.fakes import ManualClock

NAME = "AZaz09_-AZaz09_-AZaz09.ogg"
DAY = 24 * 3600.0


def links(clock: ManualClock, secret: str = "k") -> MediaLinks:
    """Return the links of an installation."""
    return MediaLinks(Keys(Secret(secret * 32)), 24.0, clock)


@pytest.mark.parametrize("ending", ["ogg", "mp3", "webm", "m4a"])
def test_a_link_opens_its_recording(ending: str) -> None:
    """A token gives the name back, ends as the file does, and needs no quoting in an address."""
    name = NAME.replace("ogg", ending)
    token = links(ManualClock()).sign(name)

    assert links(ManualClock()).name(token) == name
    assert token.endswith(f".{ending}")
    assert set(token) <= set(string.ascii_letters + string.digits + "-_.")


def test_a_link_lives_for_its_time() -> None:
    """A second before its end a link is good, at its end it is not, nor ever after."""
    clock = ManualClock()
    token = links(clock).sign(NAME)
    opened = []
    for seconds in (0, DAY - 1, 1, 1, 400 * DAY):
        clock.advance(seconds)
        opened.append(links(clock).name(token) is not None)

    assert opened == [True, True, False, False, False]


def test_each_changed_bit_is_refused() -> None:
    """No bit of a token can be flipped, in its name, its time, its signature or its ending."""
    clock = ManualClock()
    token = links(clock).sign(NAME)
    flipped = [
        token[:at] + chr(ord(token[at]) ^ (1 << bit)) + token[at + 1 :]
        for at in range(len(token))
        for bit in range(8)
    ]

    assert len(flipped) == 8 * len(token)
    assert {links(clock).name(each) for each in flipped} == {None}


def test_each_other_last_character_is_refused() -> None:
    """A signature has one spelling, though its last character holds two bits that mean nothing."""
    clock = ManualClock()
    token = links(clock).sign(NAME)
    last = token.index(".ogg") - 1
    others = set(string.ascii_letters + string.digits + "-_=") - {token[last]}

    spelled = [token[:last] + other + token[last + 1 :] for other in others]

    assert {links(clock).name(each) for each in spelled} == {None}


def test_another_installation_opens_nothing() -> None:
    """A link signed with another secret is refused."""
    clock = ManualClock()

    assert links(clock, "x").name(links(clock).sign(NAME)) is None


def test_no_random_token_is_right() -> None:
    """A hundred thousand guessed tokens of the right shape open nothing."""
    clock = ManualClock()
    reader, expires = links(clock), int(clock.now + DAY)

    hits = [
        token
        for _ in range(100_000)
        for token in [f"{secrets.token_urlsafe(16)}.{expires}.{secrets.token_urlsafe(32)}.ogg"]
        if reader.name(token) is not None
    ]

    assert hits == []


@pytest.mark.parametrize("name", ["", "voice.ogg", f"../{NAME}", f"{NAME}/", f"{NAME}\n", "a.exe"])
def test_only_recordings_get_links(name: str) -> None:
    """What is not the name of a recording is not signed."""
    with pytest.raises(ValueError, match="not the name"):
        links(ManualClock()).sign(name)
