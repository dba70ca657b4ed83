"""The conversation database on PostgreSQL, shared by every machine of an installation."""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from agent.errors import SettingsError, StorageError
from agent.settings import Secret

try:
    import psycopg
    from procrastinate import App as _  # noqa: F401 - the other half of the extra
    from psycopg.conninfo import conninfo_to_dict
    from psycopg.rows import dict_row
    from psycopg_pool import ConnectionPool
except ImportError as error:
    raise SettingsError(
        "DATABASE_URL: PostgreSQL needs one more step: pip install '.[postgres]'"
    ) from error
