"""The way from no account to delivered replies on WhatsApp, walked up to the first open step."""

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from commands.finding import Finding, broken, doubtful, fine
from commands.records import open_records
from commands.twilio_account import check_account
from commands.webhook_check import check_webhook
from commands.wording import explained, moment

if TYPE_CHECKING:
    from agent.settings import Settings, Twilio
    from commands.application import Application

_ACCOUNT = re.compile(r"AC[0-9a-fA-F]{32}")
_SENDER = re.compile(r"whatsapp:\+\d{7,15}")
#: The number that Twilio lends to everybody.
_SANDBOX = "whatsapp:+14155238886"
_JOIN = "send `join <code>` from your phone's WhatsApp to +1 415 523 8886"

Step = Callable[[], Iterable[Finding]]


def walk_whatsapp(app: "Application") -> Iterator[Finding]:
    """Tell each step that is done, and of the first that is not what to do next.

    Twilio is asked for its account, and the webhook is called over its public address.
    Raises `StorageError` when the conversations cannot be read.
    """
    settings = app.settings
    if settings.twilio.api_base_url:
        told = "TWILIO_API_BASE_URL is set, so that nothing reaches Twilio."
        yield doubtful("whatsapp", told, "it is for tests only: take it out")
    steps: tuple[Step, ...] = (
        lambda: check_settings(settings.twilio),
        lambda: check_account(settings.twilio),
        lambda: check_public_address(settings),
        lambda: check_webhook(settings),
        lambda: _check_traffic(app),
    )
    for look in steps:
        for finding in look():
            if finding.remedy:
                yield dataclasses.replace(finding, remedy=f"Next: {finding.remedy}")
                return
            yield finding


def check_settings(twilio: "Twilio") -> Iterator[Finding]:
    """Tell whether Twilio's settings are there and look like Twilio's."""
    given = {
        "TWILIO_ACCOUNT_SID": twilio.account_sid,
        "TWILIO_AUTH_TOKEN": twilio.auth_token,
        "TWILIO_WHATSAPP_FROM": twilio.whatsapp_from,
    }
    missing = [name for name, value in given.items() if not value]
    if len(missing) == len(given):
        yield fine(
            "whatsapp",
            "Not connected; the simulator and `clone chat` need no WhatsApp.",
            "to connect it, open an account at Twilio, activate the sandbox in its Console "
            f"(Messaging → Try it out → Send a WhatsApp message), {_JOIN} with the code of that "
            f"page, and put {', '.join(missing)} into .env",
        )
    elif missing:
        lost = "received" if "TWILIO_AUTH_TOKEN" in missing else "sent"
        told = f"Twilio is set by half: without {' and '.join(missing)} nothing can be {lost}."
        yield broken("whatsapp", told, _source(missing))
    elif not _ACCOUNT.fullmatch(twilio.account_sid):
        told = "TWILIO_ACCOUNT_SID is not an account's: AC and 32 digits from 0 to f."
        yield broken("whatsapp", told, _source(["TWILIO_ACCOUNT_SID"]))
    elif not _SENDER.fullmatch(twilio.whatsapp_from):
        told = "TWILIO_WHATSAPP_FROM is not a number in international form."
        yield broken("whatsapp", told, "write it as whatsapp:+14155238886")
    elif twilio.whatsapp_from == _SANDBOX:
        yield fine(
            "whatsapp",
            "Twilio's account, token and number are set. The number is the sandbox's: every "
            "contact sends `join <code>` first, and again every 3 days; 1 message leaves every "
            "3 seconds, and from a trial account at most 50 a day.",
        )
    else:
        yield fine("whatsapp", "Twilio's account, token and number are set.")


def _source(missing: list[str]) -> str:
    where = []
    if "TWILIO_WHATSAPP_FROM" in missing:
        where.append(f"set TWILIO_WHATSAPP_FROM={_SANDBOX} for the sandbox, or your own number")
    if others := [name for name in missing if name != "TWILIO_WHATSAPP_FROM"]:
        where.append(
            f"copy {' and '.join(others)} from Account Info, on the first page of Twilio's Console"
        )
    return "; ".join(where)


def check_public_address(settings: "Settings") -> Iterator[Finding]:
    """Tell whether Twilio can call the address that the settings name."""
    address = urlsplit(settings.public_base_url)
    if not settings.public_base_url:
        told = "PUBLIC_BASE_URL is not set: behind a proxy or tunnel every signature differs."
        yield doubtful(
            "address",
            told,
            f"open a tunnel, such as `cloudflared tunnel --url http://127.0.0.1:{settings.port}`, "
            "set PUBLIC_BASE_URL to the https address that it prints, and start the clone again",
        )
    elif address.scheme != "https" and not _is_test(settings, address.hostname):
        told = "PUBLIC_BASE_URL is not https: what contacts write would travel in the open."
        yield broken("address", told, "put the clone behind https, and write https:// here")
    elif address.query or address.username:
        told = "PUBLIC_BASE_URL holds more than host and path."
        yield broken("address", told, "leave out what stands behind ?, and any password")
    elif "/webhook/whatsapp" in address.path:
        told = "PUBLIC_BASE_URL ends with the webhook's own path."
        yield broken("address", told, "write it without /webhook/whatsapp")
    else:
        # A fragment holds Twilio's connection overrides: it stands behind the path in its Console.
        base = address._replace(fragment="").geturl()
        yield fine("address", f"Twilio's webhook is {base}/webhook/whatsapp.")


def _is_test(settings: "Settings", host: str | None) -> bool:
    """A stand-in of Twilio calls from this machine, where nothing travels."""
    return bool(settings.twilio.api_base_url) and host in ("127.0.0.1", "localhost", "::1")


def _check_traffic(app: "Application") -> Iterator[Finding]:
    queries = app.database.queries
    with open_records(app) as records:
        progress: dict[str, Any] = dict.fromkeys(("received_at", "accepted_at", "delivered_at"))
        refusal = None
        if records is not None:
            progress = queries.whatsapp_progress(records)
            refusal = queries.latest_refusal(records)
    yield _received(progress["received_at"], app.settings)
    yield _delivered(progress["accepted_at"], progress["delivered_at"], refusal)


def _received(at: float | None, settings: "Settings") -> Finding:
    if at is not None:
        return fine("received", f"A message last arrived at {moment(at)} UTC.")
    address = f"write {settings.public_base_url}/webhook/whatsapp, with POST, into"
    if settings.twilio.whatsapp_from == _SANDBOX:
        remedy = (
            f"in Twilio's Console, on the tab Sandbox settings, {address} “When a message comes "
            f"in” and save; {_JOIN}, if it has not joined, and then `oi`"
        )
    else:
        remedy = f"{address} the webhook of your WhatsApp sender at Twilio, and send `oi` to it"
    return doubtful("received", "No message has arrived by WhatsApp yet.", remedy)


def _delivered(accepted: float | None, delivered: float | None, refusal: str | None) -> Finding:
    if delivered is not None:
        return fine("delivered", f"A reply was last delivered at {moment(delivered)} UTC.")
    if accepted is None:
        told = "Twilio has not accepted a reply yet (a shortcut's answer travels another way)."
        remedy = (
            "ask the clone a question; if none comes, the log says why: turn_failed, part_failed"
        )
        return doubtful("delivered", told, remedy)
    if refusal is not None:
        told = f"Twilio accepted a reply, but could not deliver it: {explained(refusal)}."
        remedy = f"look up https://www.twilio.com/docs/api/errors/{refusal}, and ask again"
        return doubtful("delivered", told, _JOIN if refusal == "63015" else remedy)
    told = f"Twilio accepted a reply at {moment(accepted)} UTC; no report of it has come back."
    remedy = (
        "wait a minute and look again; Twilio reports by itself to what was sent since the clone "
        "was started with PUBLIC_BASE_URL"
    )
    return doubtful("delivered", told, remedy)
