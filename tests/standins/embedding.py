"""Embeddings of the stand-in: hashed words, so that texts that share words are near each other."""

import math
import re
from array import array
from base64 import b64encode
from hashlib import blake2b

_WORD = re.compile(r"\w+")


def hashed_vector(text: str, size: int) -> "array[float]":
    """Return the unit vector of `text`, the same on every machine."""
    vector = array("f", bytes(4 * size))
    for word in _WORD.findall(text.casefold()) or [text]:
        digest = int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "little")
        vector[(digest >> 1) % size] += 1.0 if digest & 1 else -1.0
    length = math.sqrt(sum(value * value for value in vector if value)) or 1.0
    return array("f", (value / length for value in vector))


def encoded(vector: "array[float]") -> str:
    """Return the base64 form of the wire: little-endian 32-bit floats."""
    return b64encode(vector.tobytes()).decode()
