"""Log lines for operators: a constant message, an action and ids; never what people wrote."""

import logging
import sys
from typing import TextIO

#: The only facts that leave the process; any other `extra` is dropped.
FIELDS = (
    *("action", "message_id", "turn_id", "part_id", "contact", "channel", "provider_id"),
    *("route", "model", "seconds", "parts", "attempt", "vendor", "error", "pid", "exit_code"),
    *("document", "reason", "documents", "passages", "address"),
)

#: Libraries that log requests, and with them numbers and words.
_NOISY = (
    "twilio",
    "httpx",
    "httpx2",
    "httpcore",
    "openai",
    "elevenlabs",
    "waitress.queue",
    "procrastinate",
    "faiss",
)


class LineFormatter(logging.Formatter):
    """`2026-11-22T10:00:00Z INFO message accepted action=message_accepted message_id=…`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S%z")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line with the known facts of `extra` behind the message."""
        facts = [
            f"{name}={_word(getattr(record, name))}" for name in FIELDS if hasattr(record, name)
        ]
        return " ".join((super().formatMessage(record), *facts))

    def formatException(self, ei: object) -> str:
        """Return the kind of error and where it arose: its text may hold what people wrote."""
        kind, error, trace = ei if isinstance(ei, tuple) else (None, None, None)
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        if kind is None or trace is None:
            return ""
        code = trace.tb_frame.f_code
        name = code.co_filename.rpartition("/")[2]
        return f"{kind.__name__} at {name}:{trace.tb_lineno} in {code.co_name}"


def configure_logging(level: int, stream: TextIO | None = None) -> None:
    """Send log lines to standard output (or `stream`); libraries only from WARNING up."""
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(LineFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)


def _word(value: object) -> str:
    text = " ".join(str(value).split())
    return f'"{text}"' if " " in text else text
