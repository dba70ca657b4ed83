"""Who can reach the server that the settings describe."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.settings import Settings

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def is_local(settings: "Settings") -> bool:
    """Tell whether only this machine can: a tunnel to loopback shows by its public address."""
    return settings.host in _LOOPBACK and not settings.public_base_url
