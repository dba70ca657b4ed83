"""Log lines: what operators see, and what nobody does."""

import io
import logging
from collections.abc import Iterator

import pytest

from agent.logs import configure_logging

SECRET = "conte-me do 5511999999999"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Logging as the processes configure it, into a text; everything is put back afterwards."""
    names = ("", "agent", "app", "channels", "commands", "knowledge", "prompts")
    before = [(logging.getLogger(name), logging.getLogger(name).level) for name in names]
    handlers = logging.getLogger().handlers[:]
    stream = io.StringIO()
    configure_logging(logging.DEBUG, stream)
    yield stream
    logging.getLogger().handlers[:] = handlers
    for logger, level in before:
        logger.setLevel(level)


def test_a_line_holds_message_action_and_ids(lines: io.StringIO) -> None:
    """Our record is one line of UTC time, level, constant message and known facts."""
    logging.getLogger("channels.lane").info(
        "turn answered", extra={"action": "turn_answered", "turn_id": "abc", "seconds": 0.5}
    )

    at, _, rest = lines.getvalue().partition(" ")
    assert len(at) == 20
    assert at.endswith("Z")
    assert rest == "INFO turn answered action=turn_answered turn_id=abc seconds=0.5\n"


def test_unknown_facts_are_dropped(lines: io.StringIO) -> None:
    """A fact that is not on the list does not leave the process, whatever it is called."""
    logging.getLogger("agent.clone").warning(
        "x", extra={"action": "y", "text": SECRET, "number": SECRET, "address": SECRET}
    )

    assert lines.getvalue().endswith("WARNING x action=y\n")


def test_an_exception_tells_kind_and_place_only(lines: io.StringIO) -> None:
    """The text of an exception, its cause and its frames may be a contact's words."""
    try:
        try:
            raise ValueError(SECRET)
        except ValueError as error:
            raise KeyError(SECRET) from error
    except KeyError:
        logging.getLogger("channels.lane").exception("unexpected", extra={"action": "turn_broke"})

    line = lines.getvalue()
    assert "action=turn_broke" in line
    assert 'exception="KeyError at test_logs.py:' in line
    assert SECRET not in line
    assert line.count("\n") == 1


def test_an_exception_formatted_by_others_does_not_leak(lines: io.StringIO) -> None:
    """What another handler has written into the record is not printed."""
    record = logging.LogRecord("channels", logging.ERROR, "f.py", 1, "x", (), None)
    record.exc_text = record.stack_info = SECRET

    logging.getLogger("channels").handle(record)

    assert SECRET not in lines.getvalue()


def test_a_fact_cannot_forge_a_line(lines: io.StringIO) -> None:
    """Line breaks and spaces in a fact stay inside its quotes."""
    logging.getLogger("channels").warning("x", extra={"error": "a\n2026 ERROR forged"})

    assert lines.getvalue().endswith('WARNING x error="a 2026 ERROR forged"\n')


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
@pytest.mark.parametrize(
    "name", ["openai", "langchain_core", "httpx", "aiohttp.access", "waitress"]
)
def test_libraries_are_silent(lines: io.StringIO, name: str, level: int) -> None:
    """Below WARNING only our own packages speak, also when we debug."""
    logging.getLogger(name).log(level, "Request options: %s", SECRET)

    assert lines.getvalue() == ""


def test_a_librarys_warning_tells_its_place_only(lines: io.StringIO) -> None:
    """A library's words may quote a message, so that only where it complained is told."""
    logging.getLogger("langchain_core.tracers").warning(f"Error in callback: {SECRET}")  # noqa: G004
    logging.getLogger("asyncio").error("Task exception was never retrieved\n%s", SECRET)

    first, second = lines.getvalue().splitlines()
    assert SECRET not in first + second
    assert "WARNING a library complains logger=langchain_core.tracers at=test_logs.py:" in first
    assert "logger=asyncio" in second


def test_a_servers_complaint_is_told(lines: io.StringIO) -> None:
    """What the web server itself complains about, operators can read."""
    logging.getLogger("waitress.queue").warning("Task queue depth is %d", 9)

    assert "WARNING Task queue depth is 9 logger=waitress.queue" in lines.getvalue()


def test_our_level_is_ours(lines: io.StringIO) -> None:
    """With a higher level our packages say less."""
    configure_logging(logging.WARNING, lines)
    logging.getLogger("channels.lane").info("x")
    logging.getLogger("channels.lane").warning("y")

    assert lines.getvalue().endswith("WARNING y\n")
    assert lines.getvalue().count("\n") == 1
