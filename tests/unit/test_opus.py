"""What is read of Opus without a decoder, from real files and from hostile ones."""

import math
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.media_types import type_of
from agent.opus import describe
from tests.sounds import sound

WORST_SECONDS = 1.0
MEGABYTE = 1_000_000


def head(channels: int = 1, pre_skip: int = 0) -> bytes:
    """Return an identification header."""
    rate = (48_000).to_bytes(4, "little")
    start = b"OpusHead\x01" + bytes([channels]) + pre_skip.to_bytes(2, "little")
    return start + rate + b"\x00\x00\x00"


def page(lacing: bytes, body: bytes = b"", *, kind: int = 0, serial: int = 7) -> bytes:
    """Return a page of Ogg; `kind` is 1 when it continues a packet, 2 when it is the first."""
    start = b"OggS\x00" + bytes([kind]) + bytes(8) + serial.to_bytes(4, "little") + bytes(8)
    return start + bytes([len(lacing)]) + lacing + body


def ogg(*pages: bytes, first: bytes | None = None, serial: int = 7) -> bytes:
    """Return a stream with its headers."""
    opening = head() if first is None else first
    tags = b"OpusTags" + bytes(8)
    return b"".join(
        (
            page(bytes([len(opening)]), opening, kind=2, serial=serial),
            page(bytes([len(tags)]), tags, serial=serial),
            *pages,
        )
    )


def one(packet: bytes) -> bytes:
    """Return a page with one packet."""
    return page(bytes([len(packet)]), packet)


def element(kind: bytes, content: bytes) -> bytes:
    """Return an element of EBML."""
    return kind + bytes([0x80 | len(content)]) + content


def webm(*clusters: bytes, codec: bytes = b"A_OPUS") -> bytes:
    """Return a file whose segment and clusters do not tell their size, as browsers write it."""
    track = element(b"\xd7", b"\x01") + element(b"\x86", codec) + element(b"\x63\xa2", head())
    tracks = element(b"\x16\x54\xae\x6b", element(b"\xae", track))
    segment = b"\x18\x53\x80\x67\x01" + b"\xff" * 7
    return (
        element(b"\x1a\x45\xdf\xa3", element(b"\x42\x82", b"webm"))
        + segment
        + tracks
        + b"".join(b"\x1f\x43\xb6\x75\x01" + b"\xff" * 7 + each for each in clusters)
    )


def block(packet: bytes, *, track: int = 1, flags: int = 0x80) -> bytes:
    """Return a simple block."""
    return element(b"\xa3", bytes([0x80 | track]) + b"\x00\x00" + bytes([flags]) + packet)


@pytest.mark.parametrize(
    ("name", "container", "channels", "seconds"),
    [
        ("voice_note.ogg", "ogg", 1, 2.69),
        ("stereo.ogg", "ogg", 2, 2.69),
        ("reply.ogg", "ogg", 1, 2.91),
        ("chromium.webm", "webm", 1, 3.0),
        ("claims_a_day.ogg", "ogg", 1, 2.69),
        ("truncated.ogg", "ogg", 1, 1.01),
        ("header_only.ogg", "ogg", 1, 0.0),
    ],
)
def test_real_files_are_described(name: str, container: str, channels: int, seconds: float) -> None:
    """Channels and length are those of the packets that are there, whatever the file claims."""
    stream = describe(sound(name))

    assert stream is not None
    assert (stream.container, stream.channels) == (container, channels)
    assert stream.seconds == pytest.approx(seconds, abs=0.01)


def test_browsers_sound_is_told_from_pictures() -> None:
    """What Chromium records is sound by its own bytes."""
    assert type_of(sound("chromium.webm")) == "audio/webm"


@pytest.mark.parametrize(
    "data",
    [b"", b"OggS", sound("short.mp3"), sound("voice_note.ogg")[28:], webm(codec=b"A_VORBIS")],
)
def test_other_bytes_are_not_described(data: bytes) -> None:
    """What is no Opus in Ogg or WebM is told as nothing."""
    assert describe(data) is None


@pytest.mark.parametrize(
    ("packet", "milliseconds"),
    [
        (b"\x00.", 10),
        (b"\x18.", 60),
        (b"\x60.", 10),
        (b"\x68.", 20),
        (b"\x80.", 2.5),
        (b"\x98.", 20),
        (b"\x98", 20),
        (b"\x99..", 40),
        (b"\x9a..", 40),
        (b"\x9b\x03...", 60),
        (b"\x9b\x83...", 60),
        (b"\x9b\x00", 0),
        (b"\x9b", 0),
        (b"\x1b\x3f...", 120),
    ],
)
def test_each_packet_tells_its_length(packet: bytes, milliseconds: float) -> None:
    """The first byte names the length of a frame and, with the second, how many there are."""
    in_ogg, in_webm = describe(ogg(one(packet))), describe(webm(block(packet)))

    assert in_ogg is not None
    assert in_webm is not None
    assert in_ogg.seconds == in_webm.seconds == pytest.approx(milliseconds / 1000)


def test_the_start_that_is_thrown_away_does_not_count() -> None:
    """The pre-skip of the header is taken off the length."""
    stream = describe(ogg(one(b"\x98."), one(b"\x98."), first=head(pre_skip=480)))

    assert stream is not None
    assert stream.seconds == pytest.approx(0.03)


def test_a_packet_over_pages_counts_once() -> None:
    """What continues on the next page is no packet of its own."""
    long = b"\x98" + bytes(299)
    pages = (page(b"\xff", long[:255]), page(bytes([45]), long[255:], kind=1), one(b"\x98."))

    stream = describe(ogg(*pages))

    assert stream is not None
    assert stream.seconds == pytest.approx(0.04)


def test_nothing_hides_behind_rubbish_or_another_stream() -> None:
    """Pages behind bytes of no meaning count, and so does a second stream with its channels."""
    second = ogg(one(b"\x98."), first=head(channels=2))

    stream = describe(ogg(one(b"\x98."), b"rubbish", one(b"\x98."), second))

    assert stream is not None
    assert stream.channels == 2
    assert stream.seconds == pytest.approx(0.06)


def test_a_strange_stream_beside_does_not_count() -> None:
    """Pages of a stream that did not begin as Opus are passed over."""
    stream = describe(ogg(one(b"\x98."), page(b"\x02", b"\x98.", serial=8)))

    assert stream is not None
    assert stream.seconds == pytest.approx(0.02)


def test_blocks_in_groups_and_of_other_tracks() -> None:
    """A block counts in a group too, and only for the track of sound."""
    grouped = element(b"\xa0", element(b"\xa1", b"\x81\x00\x00\x00\x98."))

    stream = describe(webm(block(b"\x98."), grouped + block(b"\x98.", track=2)))

    assert stream is not None
    assert stream.seconds == pytest.approx(0.04)


def test_packets_within_packets_cannot_be_counted() -> None:
    """A laced block, which no browser writes, makes the length infinite, never short."""
    stream = describe(webm(block(b"\x98.", flags=0x86)))

    assert stream is not None
    assert stream.seconds == math.inf


@pytest.mark.parametrize(
    "make",
    [
        lambda: ogg(page(b"") * 400_000),
        lambda: ogg(page(bytes(255)) * 40_000),
        lambda: ogg(page(b"\x01" * 255, bytes(255)) * 25_000),
        lambda: ogg(b"OggS" * (3 * MEGABYTE)),
        lambda: ogg(b"OggR" * (3 * MEGABYTE)),
        lambda: webm(block(b"\x98.") * MEGABYTE),
        lambda: webm(b"\xec\x80" * (6 * MEGABYTE)),
        lambda: webm(b"\xae\x80" * (6 * MEGABYTE)),
        lambda: webm((b"\xae\x40\xff" + b"\xec\x80" * 127 + b"\xec") * 40_000),
        lambda: webm(b"\xa3\x01" + b"\xff" * 7 + bytes(10 * MEGABYTE)),
    ],
    ids=[
        "empty pages", "empty packets", "tiny packets", "marks", "no marks",
        "blocks", "voids", "tracks", "tracks of voids", "endless block",
    ],
)  # fmt: skip
def test_work_is_bounded(make: Callable[[], bytes]) -> None:
    """Twelve megabytes of the worst bytes end in well under the time of a turn."""
    data = make()
    began = time.process_time()

    stream = describe(data)

    assert time.process_time() - began < WORST_SECONDS
    assert stream is not None


@given(st.binary(max_size=300), st.sampled_from([b"", b"OggS", b"\x1aE\xdf\xa3"]))
def test_any_bytes_end_well(data: bytes, opening: bytes) -> None:
    """No bytes raise."""
    describe(opening + data)


@given(
    st.sampled_from(["voice_note.ogg", "stereo.ogg", "chromium.webm"]),
    st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 255)), max_size=20),
    st.integers(0, 10_000),
)
def test_damaged_recordings_end_well(name: str, flips: list[tuple[int, int]], cut: int) -> None:
    """A damaged recording is described without a negative length, or not at all."""
    data = bytearray(sound(name))
    for at, value in flips:
        data[at % len(data)] = value

    stream = describe(bytes(data[:cut]))

    assert stream is None or (stream.seconds >= 0 and stream.channels > 0)


@given(st.lists(st.sampled_from([b"\x00", b"\x18.", b"\x99..", b"\x1b\x02.", b"\xfc" * 700])))
def test_length_is_the_sum_of_the_packets(packets: list[bytes]) -> None:
    """The length in Ogg is that of each packet alone, added up."""
    lacing = b"".join(b"\xff" * (len(p) // 255) + bytes([len(p) % 255]) for p in packets)
    alone = [describe(webm(b"\xa3\x43\x00" + b"\x81\0\0\x80" + p.ljust(764))) for p in packets]
    body = b"".join(packets)
    pages, continued = [], 0
    while lacing:
        taken, lacing = lacing[:255], lacing[255:]
        size = sum(taken)
        pages.append(page(taken, body[:size], kind=continued))
        body, continued = body[size:], int(taken[-1] == 255)

    stream = describe(ogg(*pages))

    assert stream is not None
    assert stream.seconds == pytest.approx(sum(each.seconds for each in alone if each))
