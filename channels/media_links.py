"""Addresses of recordings: signed, for a time, and worth nothing with one character changed."""

import hmac
import re
import time
from collections.abc import Callable

from agent.keys import Keys
from channels.media_store import NAME

#: What stands before the ending of a name, when the link ends, its signature, and the ending: an
#: address that ends otherwise may be taken for another kind of file.
_TOKEN = re.compile(r"([A-Za-z0-9_-]{22})\.([0-9]{10,12})\.([A-Za-z0-9_-]{43})(\.[a-z0-9]{3,4})")
_KEPT = re.compile(NAME)


class MediaLinks:
    """Makes and reads the tokens of `/media/<token>`; a link lives for some hours."""

    def __init__(self, keys: Keys, hours: float, clock: Callable[[], float] = time.time) -> None:
        self._keys = keys
        self._seconds = hours * 3600.0
        self._clock = clock

    def sign(self, name: str) -> str:
        """Return the token of a recording from now on."""
        if not _KEPT.fullmatch(name):
            raise ValueError("not the name of a recording")
        stem, _, ending = name.partition(".")
        expires = f"{int(self._clock() + self._seconds):010d}"
        return f"{stem}.{expires}.{self._keys.link(name, expires)}.{ending}"

    def name(self, token: str) -> str | None:
        """Return the name of the recording that a token opens now, None for any other text."""
        found = _TOKEN.fullmatch(token)
        if found is None:
            return None
        stem, expires, signature, ending = found.groups()
        name = f"{stem}{ending}"
        # As text: two ways of writing the same bytes must not both be right.
        signed = hmac.compare_digest(self._keys.link(name, expires).encode(), signature.encode())
        alive = self._clock() < int(expires)
        return name if signed and alive else None
