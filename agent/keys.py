"""Keyed hashes: what stands for a person or a message wherever the real id must not, or signs."""

import base64
import hashlib
import hmac
import os
import secrets
import tempfile
from pathlib import Path

from agent.errors import StorageError
from agent.settings import Secret

_LEAST_CHARACTERS = 32


class Keys:
    """Hashes ids with the installation's own secret, so that they say nothing elsewhere."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret.reveal().encode()

    def contact(self, channel: str, contact_id: str) -> str:
        """Return the 32 hex digits that stand for a person of a channel."""
        return self._hash("contact", channel, contact_id)

    def message(self, channel: str, message_id: str) -> str:
        """Return the 32 hex digits that stand for a message of a channel."""
        return self._hash("message", channel, message_id)

    def link(self, name: str, expires: str) -> str:
        """Return the 43 characters that sign a link to `name` until `expires`."""
        digest = self._digest("link", name, expires)
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def _hash(self, purpose: str, channel: str, value: str) -> str:
        return self._digest(purpose, channel, value).hex()[:32]

    def _digest(self, *values: str) -> bytes:
        text = "\x1f".join(values).encode("utf-8", "surrogatepass")
        return hmac.new(self._secret, text, hashlib.sha256).digest()


def installation_secret(given: Secret, data: Path) -> Secret:
    """Return the configured secret, or the one kept in the data folder, made at first use.

    Two processes that start together end with the same one. Raises `StorageError` when it can
    be neither read nor made.
    """
    if given:
        return given
    path = data / "secret"
    try:
        if not path.exists():
            _create(path)
        kept = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"the secret in {path} cannot be read or made: {error}") from error
    if len(kept) < _LEAST_CHARACTERS:
        # Another one would make strangers of all contacts and let every message in again.
        raise StorageError(f"the secret in {path} is damaged; restore it from a backup")
    return Secret(kept)


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent)
    try:
        os.write(handle, secrets.token_urlsafe(_LEAST_CHARACTERS).encode())
        os.fsync(handle)
        # A link fails where the name is taken: the first process wins, complete file or none.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        os.close(handle)
        Path(draft).unlink()
