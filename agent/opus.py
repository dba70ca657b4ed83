"""Reads of Opus in Ogg or WebM how long it sounds and in how many channels; decodes nothing.

Ogg is RFC 3533, Opus in it RFC 7845, an Opus packet's length RFC 6716 section 3.1, WebM RFC 9559.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

#: Everything in Opus is counted in samples of this rate, whatever was recorded.
_RATE = 48_000
#: Pages, elements and packets looked at: 20 minutes of 20 ms. A file of 16 MB may hold millions of
#: empty ones.
_MOST_PIECES = 60_000
_LONGEST_PACKET = 5_760
_HEAD_BYTES = 19


def _frame_samples(kind: int) -> int:
    """Return the length of a frame of a configuration; three codecs share the 32 numbers."""
    if kind < 12:
        return (480, 960, 1920, 2880)[kind & 3]
    if kind < 16:
        return (480, 960)[kind & 1]
    return (120, 240, 480, 960)[kind & 3]


_FRAME = tuple(_frame_samples(first >> 3) for first in range(256))


@dataclass(frozen=True, slots=True, kw_only=True)
class OpusStream:
    """What a file of Opus holds."""

    channels: int
    #: How long its packets sound, whatever the container claims; infinite where they cannot be
    #: counted, as for more than 20 minutes of the usual ones.
    seconds: float
    container: Literal["ogg", "webm"]

    @classmethod
    def of(cls, data: bytes) -> "OpusStream | None":
        """Return what `data` holds, or None where it is no Opus in Ogg or WebM.

        Never raises. A note of ten minutes takes some 20 ms, and the worst bytes some 200: what
        comes from strangers is for a thread.
        """
        if data.startswith(b"OggS"):
            return _described("ogg", _read_ogg, data)
        if data.startswith(b"\x1aE\xdf\xa3"):
            return _described("webm", _read_webm, data)
        return None


describe = OpusStream.of


class _Sound:
    """Adds up the packets of one stream."""

    def __init__(self, head: bytes) -> None:
        self.channels = head[9]
        self._samples = 0
        self._skipped = int.from_bytes(head[10:12], "little")

    def add(self, data: bytes, at: int) -> None:
        """Count the packet that begins at `at`, by its first byte or two."""
        first = data[at : at + 1]
        if not first:
            return
        if first[0] & 3 == 3:
            # The second byte counts the frames; without it there are none.
            frames = data[at + 1] & 63 if at + 1 < len(data) else 0
        else:
            frames = 2 if first[0] & 3 else 1
        self._samples += min(frames * _FRAME[first[0]], _LONGEST_PACKET)

    @property
    def seconds(self) -> float:
        """Length of what was counted, without the start that a decoder throws away."""
        return max(0, self._samples - self._skipped) / _RATE


class _UncountableError(Exception):
    """The file has more parts than are looked at, or packets that hide in one another."""


def _described(
    container: Literal["ogg", "webm"],
    read: Callable[[bytes, list[_Sound]], None],
    data: bytes,
) -> OpusStream | None:
    sounds: list[_Sound] = []
    countable = True
    try:
        read(data, sounds)
    except _UncountableError:
        countable = False
    if not sounds:
        return None
    return OpusStream(
        channels=max(sound.channels for sound in sounds),
        # Several streams of a file play one after the other.
        seconds=sum(sound.seconds for sound in sounds) if countable else math.inf,
        container=container,
    )


def _is_head(head: bytes) -> bool:
    # The upper half of the version is what a reader has to know.
    whole = len(head) >= _HEAD_BYTES and head.startswith(b"OpusHead")
    return whole and head[8] < 16 and head[9] > 0


def _read_ogg(data: bytes, sounds: list[_Sound]) -> None:
    playing: dict[int, _Sound] = {}
    headers: dict[int, int] = {}
    left = _MOST_PIECES
    for at, lacing in _pages(data):
        left -= 1 + len(lacing)
        if left < 0:
            raise _UncountableError
        serial = int.from_bytes(data[at + 14 : at + 18], "little")
        body = at + 27 + len(lacing)
        if data[at + 5] & 2 and _is_head(head := data[body : body + _HEAD_BYTES]):
            playing[serial] = _Sound(head)
            sounds.append(playing[serial])
            # Two packets come before the sound: this head, and the tags, however long.
            headers[serial] = 2
        if serial not in playing:
            continue
        begins = not data[at + 5] & 1
        for size in lacing:
            if begins and headers[serial]:
                headers[serial] -= 1
            elif begins and size:
                playing[serial].add(data, body)
            begins = size < 255
            body += size


def _pages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield where each page begins, and the sizes of its segments.

    What lies between pages is passed over as decoders do, or it would hide all that follows.
    """
    at = 0
    while (at := data.find(b"OggS", at)) >= 0 and at + 27 <= len(data):
        lacing = data[at + 27 : at + 27 + data[at + 26]]
        yield at, lacing
        at += 27 + len(lacing) + sum(lacing)


_TRACK, _TRACK_NUMBER, _CODEC, _CODEC_HEAD = 0xAE, 0xD7, 0x86, 0x63A2
#: What is gone into: Segment, Tracks, a track, Cluster, BlockGroup.
_CONTAINERS = {0x18538067, 0x1654AE6B, _TRACK, 0x1F43B675, 0xA0}
_BLOCKS = {0xA3, 0xA1}
_LACED = 0x06


def _read_webm(data: bytes, sounds: list[_Sound]) -> None:
    playing: dict[int, _Sound] = {}
    track: dict[int, bytes] = {}
    for kind, at, end in _elements(data):
        if kind == _TRACK:
            track = {}
        elif kind in (_TRACK_NUMBER, _CODEC, _CODEC_HEAD):
            track[kind] = data[at:end]
            if track.get(_CODEC) == b"A_OPUS" and len(track) == 3 and _is_head(track[_CODEC_HEAD]):
                sounds.append(_Sound(track[_CODEC_HEAD]))
                playing[int.from_bytes(track[_TRACK_NUMBER][:8], "big")] = sounds[-1]
        elif kind in _BLOCKS:
            number, at = _number(data, at, marked=False)
            if number in playing and at + 3 < end:
                if data[at + 2] & _LACED:
                    # Several packets in one, as no browser writes them.
                    raise _UncountableError
                playing[number].add(data, at + 3)


def _elements(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield the kind of each element, and where its content begins and ends.

    A container is followed by its content: many are written before their size is known.
    """
    at = 0
    for _ in range(_MOST_PIECES):
        kind, at = _number(data, at, marked=True)
        size, at = _number(data, at, marked=False)
        if at > len(data):
            return
        end = at if kind in _CONTAINERS else min(at + size, len(data))
        yield kind, at, end
        at = end
    raise _UncountableError


def _number(data: bytes, at: int, *, marked: bool) -> tuple[int, int]:
    """Return a number of variable size and where it ends, which is behind the data if it is cut.

    The zeros before its first bit count its further bytes; `marked` leaves that bit in it.
    """
    if at >= len(data) or not data[at]:
        return 0, len(data) + 1
    length = 9 - data[at].bit_length()
    number = int.from_bytes(data[at : at + length], "big")
    return number if marked else number & ~(1 << 7 * length), at + length
