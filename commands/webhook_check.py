"""Calls the webhooks as Twilio would, over the public address, so that nothing is stored."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urldefrag, urlsplit

from channels.twilio_form import MISSING, REPORT_MISSING
from commands.finding import Finding, broken, fine

if TYPE_CHECKING:
    import httpx

    from agent.settings import Settings

_SECONDS = 10.0
#: Without a MessageSid there is nothing to store: the doors refuse it after the signature.
_FORM = {"AccountSid": "", "Body": "clone doctor"}
_CLOSED = "TWILIO_AUTH_TOKEN is not set"
_UNSIGNED = "wrong signature"


@dataclass(frozen=True, slots=True)
class _Door:
    check: str
    path: str
    #: What it answers to a right signature on a form that names no message.
    empty: str
    well: str


_DOORS = (
    _Door(
        "webhook",
        "/webhook/whatsapp",
        MISSING.sentence,
        "Twilio's signature is recognised, and a wrong one is refused.",
    ),
    _Door(
        "reports",
        # As the address of a report is: a proxy that rewrites it breaks the signature.
        "/webhook/whatsapp/status?o=doctor%3A0",
        REPORT_MISSING.sentence,
        "Twilio's delivery reports are let in likewise; the Console needs nothing for them.",
    ),
)


def check_webhook(settings: "Settings", seconds: float = _SECONDS) -> Iterator[Finding]:
    """Post one rightly and one wrongly signed form to each door; tell what came of it."""
    import httpx

    token = settings.twilio.auth_token.reveal()
    with httpx.Client(timeout=seconds) as client:
        for door in _DOORS:
            url = urldefrag(settings.public_base_url).url + door.path
            try:
                finding = _knock(client, door, url, token)
            except httpx.TimeoutException:
                told = f"{url} did not answer within {seconds:g} s."
                remedy = "start the clone; look at the tunnel, proxy or firewall"
                finding = broken(door.check, told, remedy)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                finding = _unreachable(door, url, error)
            yield finding
            if finding.state != "ok":
                return


def _knock(client: "httpx.Client", door: _Door, url: str, token: str) -> Finding:
    answer = _post(client, url, token)
    refused = answer.status_code == 400 and door.empty in answer.text
    if not refused:
        return _explained(answer, door, url)
    # As long as the real one, and never equal to it.
    forged = _post(client, url, token[::-1] + "?")
    if forged.status_code == 403:
        return fine(door.check, door.well)
    told = f"{url} took a wrong signature for right ({forged.status_code})."
    return broken(door.check, told, "stop it: what answers there is not this program as it is")


def _post(client: "httpx.Client", url: str, token: str) -> "httpx.Response":
    from twilio.request_validator import RequestValidator

    signature = RequestValidator(token).compute_signature(url, _FORM)
    return client.post(url, data=_FORM, headers={"X-Twilio-Signature": signature})


def _unreachable(door: _Door, url: str, error: Exception) -> Finding:
    if "CERTIFICATE" in str(error).upper():
        told = f"The certificate of {urlsplit(url).hostname} is not valid; Twilio refuses it too."
        return broken(door.check, told, "get a certificate from a public authority")
    told = f"{url} cannot be reached ({type(error).__name__})."
    return broken(door.check, told, "start the clone; check the address and the tunnel or proxy")


def _explained(answer: "httpx.Response", door: _Door, url: str) -> Finding:
    status, words = answer.status_code, answer.text[:200]
    if status == 403 and _CLOSED in words:
        told = "The clone that runs there has no TWILIO_AUTH_TOKEN."
        remedy = "start it again with the same settings as here"
    elif status == 403 and _UNSIGNED in words:
        told = "The clone that runs there takes Twilio's signature for wrong (403)."
        remedy = (
            "give it the same PUBLIC_BASE_URL and TWILIO_AUTH_TOKEN as here and start it again; "
            "a proxy in front must leave the path as it is"
        )
    elif status == 403:
        told = f"Something in front of the clone refuses {url} (403)."
        remedy = "let the firewall, proxy or tunnel pass POST requests to it without a login"
    elif status == 404 and door is not _DOORS[0]:
        told = f"The clone that runs there has no {door.path} (404)."
        remedy = "it is older than this program, or a proxy passes on too little: start it again"
    elif status == 404:
        told = f"There is no webhook at {url} (404)."
        remedy = "PUBLIC_BASE_URL must lead to the clone, without a path that a proxy keeps"
    elif 300 <= status < 400:
        told = f"{url} sends on to another address ({status}), where Twilio loses the message."
        remedy = "set PUBLIC_BASE_URL to the address it sends to"
    elif status >= 500:
        told = f"{url} fails ({status})."
        remedy = "start the clone, and look at its log and at the proxy's"
    else:
        told = f"Something else than this clone answers at {url} ({status})."
        remedy = "PUBLIC_BASE_URL must lead to the clone"
    return broken(door.check, told, remedy)
