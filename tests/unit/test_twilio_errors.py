"""Twilio's error codes, by what is to be done about them."""

import pytest

from agent.errors import (
    AccountError,
    PermanentError,
    TemporaryError,
    TooLongError,
    UnreachableError,
    VendorError,
    WindowClosedError,
)
from channels.twilio_errors import CODES, explain, explain_report, judge


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (429, "", TemporaryError),
        (429, "20429", TemporaryError),
        (400, "63017", TemporaryError),
        (400, "63018", TemporaryError),
        (500, "20500", TemporaryError),
        (502, "", TemporaryError),
        (503, "20503", TemporaryError),
        (400, "21617", TooLongError),
        (400, "21211", UnreachableError),
        (400, "21610", UnreachableError),
        (400, "63003", UnreachableError),
        (400, "63014", UnreachableError),
        (400, "63015", UnreachableError),
        (400, "63024", UnreachableError),
        (400, "63016", WindowClosedError),
        (400, "63007", AccountError),
        (400, "63038", AccountError),
        (401, "20003", AccountError),
        (401, "", AccountError),
        (403, "20403", AccountError),
        (400, "63019", PermanentError),
        (400, "63013", PermanentError),
        (400, "21602", PermanentError),
        (404, "20404", PermanentError),
        (400, "", PermanentError),
    ],
)
def test_an_answer_becomes_an_error_of_ours(status: int, code: str, kind: type) -> None:
    """Each class of codes has its own error, which carries Twilio's code or else the status."""
    error = explain(status, code)

    assert type(error) is kind
    assert error.code == (code or str(status))
    assert str(status) in str(error)


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("63012", "retry"),
        ("63018", "retry"),
        ("21617", "split"),
        ("63003", "unreachable"),
        ("63024", "unreachable"),
        ("21610", "unreachable"),
        ("63016", "held"),
        ("63019", "other_form"),
        ("63021", "other_form"),
        ("63051", "account"),
        ("63013", "never"),
        ("99999", "never"),
        ("InvalidSandboxRequest", "never"),
        ("", "never"),
    ],
)
def test_a_report_is_judged_by_its_code(code: str, remedy: str) -> None:
    """A code that nobody knows is a failure like any other, which is not repeated."""
    assert judge(code) == remedy


def test_no_answer_is_told_from_a_refusal() -> None:
    """Without any answer the request may be repeated."""
    error = explain(None)

    assert type(error) is TemporaryError


@pytest.mark.parametrize("code", ["", "20429"])
def test_the_wait_that_is_asked_for_is_kept(code: str) -> None:
    """`Retry-After` of a refusal for now is told in seconds, whether or not it has a code."""
    error = explain(429, code, "7")

    assert isinstance(error, TemporaryError)
    assert error.retry_after == 7.0


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("63012", TemporaryError),
        ("63018", TemporaryError),
        ("21617", TooLongError),
        ("63024", UnreachableError),
        ("63016", WindowClosedError),
        ("63019", PermanentError),
        ("63051", AccountError),
        ("63049", PermanentError),
        ("", PermanentError),
    ],
)
def test_a_report_becomes_an_error_of_ours(code: str, kind: type) -> None:
    """A failure that is reported later means what it would have meant at once."""
    error = explain_report(code)

    assert type(error) is kind
    assert error.code == code


@pytest.mark.parametrize("code", CODES)
def test_a_known_code_is_told_in_words(code: str) -> None:
    """The operator reads what happened, and not only a number."""
    errors: list[VendorError] = [explain(400, code), explain_report(code)]

    assert all(CODES[code].words in str(error) for error in errors)


def test_the_table_holds_no_idle_row() -> None:
    """A code that would be judged the same without its row has none."""
    assert "never" not in {known.remedy for known in CODES.values()}
