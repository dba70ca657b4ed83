"""Twilio's error codes by what is to be done about them: one table, plain data.

A code comes in two ways: in the answer to a request, or later, in the report of a message that
Twilio had taken. https://www.twilio.com/docs/api/errors/CODE describes each; a comment names
what else a row rests on.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from agent.errors import (
    AccountError,
    PermanentError,
    TemporaryError,
    TooLongError,
    UnreachableError,
    VendorError,
    WindowClosedError,
)
from agent.vendors import explain_http

#: What is to be done about a message that failed:
#: retry        the same one may pass later
#: never        the same one never passes
#: split        a shorter one passes
#: unreachable  nothing reaches this contact until they write again
#: held         free words pass once the contact has written again
#: other_form   the same words pass in another form: a recording as another file, or as text
#: account      nothing passes to anybody until the operator acts
Remedy = Literal["retry", "never", "split", "unreachable", "held", "other_form", "account"]


class Known(NamedTuple):
    """What is known of a code."""

    remedy: Remedy
    words: str


#: Every code that is judged otherwise than "never".
CODES: Mapping[str, Known] = MappingProxyType(
    {
        # Later. What is refused with 20429 was not carried out, says its page.
        "20429": Known("retry", "too many requests at once"),
        "20500": Known("retry", "Twilio failed inside"),
        "20503": Known("retry", "Twilio is out of service for now"),
        "30001": Known("retry", "the sender's queue is full"),
        # Stands for WhatsApp's 500, 1011, 1014, 1023 and 1025:
        # https://www.twilio.com/docs/whatsapp/api/error-code-mapping
        "63012": Known("retry", "WhatsApp failed inside"),
        "63017": Known("retry", "the account sends too fast"),
        # Also Meta's limit of messages to one person (its 131056), about one in six seconds.
        "63018": Known("retry", "the sender, or this conversation, is too fast"),
        "63023": Known("retry", "the channel failed and does not say why"),
        # Smaller.
        "21617": Known("split", "the text is longer than 1,600 characters"),
        # Nobody there. 21211 is also what an id instead of a number may get:
        # https://github.com/freescout-help-desk/freescout/issues/5444
        "21211": Known("unreachable", "the address is no valid number"),
        "21610": Known("unreachable", "the contact told Twilio to stop"),
        "21614": Known("unreachable", "the address is no mobile number"),
        "63003": Known("unreachable", "the address is not on WhatsApp"),
        "63014": Known("unreachable", "the contact blocked the sender"),
        "63015": Known("unreachable", "the contact has not joined the sandbox, or no longer"),
        "63024": Known("unreachable", "the contact's WhatsApp cannot receive"),
        # Not now. Comes in reports only.
        "63016": Known("held", "the contact wrote more than 24 hours ago"),
        # Otherwise. For a text there is no other form: then as "never".
        "11751": Known("other_form", "the file is larger than 16 MB"),
        "12300": Known("other_form", "the file came with a wrong type"),
        "21620": Known("other_form", "the file's address is refused"),
        "63005": Known("other_form", "WhatsApp refuses the content"),
        "63006": Known("other_form", "the content does not suit WhatsApp"),
        # chatwoot/chatwoot#14692: a sound Ogg file got it, the same recording as MP3 did not.
        "63019": Known("other_form", "the file could not be fetched"),
        "63021": Known("other_form", "WhatsApp refuses the content or its type"),
        # Ours to mend.
        "10001": Known("account", "the account is not active"),
        "20003": Known("account", "the credentials are refused"),
        "20005": Known("account", "the account is not active"),
        "21212": Known("account", "TWILIO_WHATSAPP_FROM is no valid sender"),
        "21910": Known("account", "TWILIO_WHATSAPP_FROM is no WhatsApp sender"),
        "30002": Known("account", "the account is suspended"),
        "63001": Known("account", "WhatsApp refuses the sender's credentials"),
        "63002": Known("account", "WhatsApp does not know the sender"),
        "63007": Known("account", "TWILIO_WHATSAPP_FROM is no sender of this account"),
        "63008": Known("account", "the sender is not set up completely"),
        "63020": Known("account", "Meta's invitation to the business account is not accepted"),
        "63038": Known("account", "the account's messages of the day are used up"),
        # https://www.twilio.com/docs/whatsapp/best-practices-and-faqs
        "63051": Known("account", "Meta has locked the sender"),
        "63059": Known("account", "the sender belongs to another business account now"),
        "63112": Known("account", "Meta has disabled the business account"),
    }
)

_ERRORS: Mapping[Remedy, type[PermanentError]] = {
    "never": PermanentError,
    "split": TooLongError,
    "unreachable": UnreachableError,
    "held": WindowClosedError,
    "other_form": PermanentError,
    "account": AccountError,
}


def judge(code: str) -> Remedy:
    """Return what is to be done about a message that failed with `code`."""
    known = CODES.get(code)
    return known.remedy if known else "never"


def explain(status: int | None, code: str = "", retry_after: str | None = None) -> VendorError:
    """Return our error for Twilio's answer; `status` None: there was none at all.

    `code` is Twilio's own, empty for none; `retry_after` is the header as it came.
    """
    told = explain_http("twilio", status, code, retry_after)
    if status is None or code not in CODES:
        return told
    wait = told.retry_after if isinstance(told, TemporaryError) else None
    return _error(f"twilio answered {status}", code, wait)


def explain_report(code: str) -> VendorError:
    """Return our error for a message that was reported not to have arrived, empty for no code."""
    return _error("twilio reported a failure", code, None)


def _error(told: str, code: str, retry_after: float | None) -> VendorError:
    words = f"{told} ({code}): {CODES[code].words}" if code in CODES else f"{told} ({code})"
    remedy = judge(code)
    if remedy == "retry":
        return TemporaryError(words, code=code, retry_after=retry_after)
    return _ERRORS[remedy](words, code=code)
