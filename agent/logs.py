"""Log lines for operators: a constant message, an action and ids; never what people wrote."""

import logging
import sys
import time
from typing import TextIO

#: The only facts that leave the process; any other `extra` is dropped.
FIELDS = (
    *("action", "message_id", "turn_id", "part_id", "contact", "channel", "provider_id"),
    *("route", "model", "seconds", "parts", "attempt", "vendor", "error", "pid", "exit_code"),
    *("document", "reason"),
)

#: Ours: their messages are constants. Whatever else speaks may speak of what people wrote.
_OURS = ("agent", "app", "channels", "commands", "knowledge", "prompts")
#: Servers whose own complaints an operator needs, and which never see a message's fields.
_SERVERS = ("gunicorn", "waitress")


class LineFormatter(logging.Formatter):
    """`2026-11-22T10:00:00Z INFO message accepted action=message_accepted message_id=…`.

    A library's record tells where it was made and nothing else: its words may be anybody's.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line, with the kind and place of its exception behind it."""
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))
        words = [at, record.levelname, *_told(record)]
        if record.exc_info:
            words.append(f"exception={_word(_place_of(record.exc_info))}")
        return " ".join(words)


def configure_logging(level: int, stream: TextIO | None = None) -> None:
    """Send our log lines to standard output (or `stream`); libraries only from WARNING up."""
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(LineFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in _OURS:
        logging.getLogger(name).setLevel(level)


def _told(record: logging.LogRecord) -> list[str]:
    family = record.name.partition(".")[0]
    if family in _OURS:
        facts = [
            f"{name}={_word(getattr(record, name))}" for name in FIELDS if name in vars(record)
        ]
        return [" ".join(record.getMessage().split()), *facts]
    if family in _SERVERS:
        return [" ".join(record.getMessage().split()), f"logger={record.name}"]
    return ["a library complains", f"logger={record.name}", f"at={record.filename}:{record.lineno}"]


def _place_of(exc_info: object) -> str:
    """Return the kind of an exception and where it arose: its text may hold what people wrote."""
    kind, _, trace = exc_info if isinstance(exc_info, tuple) else (None, None, None)
    if kind is None:
        return ""
    if trace is None:
        return str(kind.__name__)
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    name = code.co_filename.rpartition("/")[2]
    return f"{kind.__name__} at {name}:{trace.tb_lineno} in {code.co_name}"


def _word(value: object) -> str:
    text = " ".join(str(value).split())
    return f'"{text}"' if " " in text else text
