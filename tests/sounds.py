"""Recorded sound; `data/sound/README.md` tells how each file was made."""

from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "data" / "sound"


@cache
def sound(name: str) -> bytes:
    """Return the bytes of a file, e.g. `voice_note.ogg`."""
    return (_FOLDER / name).read_bytes()
