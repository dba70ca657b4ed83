"""What every connection of ours asks of PostgreSQL."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

#: Arguments of `psycopg.connect`. A pooler in front of the database loses prepared statements; a
#: machine that vanished is noticed by what was sent to it and never acknowledged.
CONNECTION: Mapping[str, Any] = MappingProxyType(
    {
        "prepare_threshold": None,
        "connect_timeout": 5,
        "tcp_user_timeout": 20_000,
        "application_name": "clone",
    }
)
