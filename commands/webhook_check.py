"""Calls the webhook as Twilio would, over the public address, so that nothing is stored."""

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from commands.finding import Finding, broken, fine

if TYPE_CHECKING:
    import httpx

    from agent.settings import Settings

_SECONDS = 10.0
_PATH = "/webhook/whatsapp"
#: Without a MessageSid there is nothing to store: the door refuses it after the signature.
_FORM = {"AccountSid": "", "Body": "clone doctor"}
_REFUSED = "MessageSid or From is missing"
_CLOSED = "TWILIO_AUTH_TOKEN is not set"
_UNSIGNED = "wrong signature"


def check_webhook(settings: "Settings", seconds: float = _SECONDS) -> Iterator[Finding]:
    """Post one rightly and one wrongly signed form to the webhook; tell what came of it."""
    token = settings.twilio.auth_token.reveal()
    if not settings.public_base_url or not token:
        return
    import httpx

    url = settings.public_base_url + _PATH
    try:
        with httpx.Client(timeout=seconds) as client:
            answer = _post(client, url, token)
            if answer.status_code != 400 or _REFUSED not in answer.text:
                yield _explained(answer, url)
                return
            # As long as the real one, and never equal to it.
            forged = _post(client, url, token[::-1] + "?")
    except httpx.TimeoutException:
        told = f"{url} did not answer within {seconds:g} s."
        yield broken("webhook", told, "start the clone; look at the tunnel, proxy or firewall")
        return
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        yield _unreachable(url, error)
        return
    if forged.status_code == 403:
        yield fine("webhook", "Twilio's signature is recognised, and a wrong one is refused.")
    else:
        told = f"{url} took a wrong signature for right ({forged.status_code})."
        yield broken("webhook", told, "stop it: what answers there is not this program as it is")


def _post(client: "httpx.Client", url: str, token: str) -> "httpx.Response":
    from twilio.request_validator import RequestValidator

    signature = RequestValidator(token).compute_signature(url, _FORM)
    return client.post(url, data=_FORM, headers={"X-Twilio-Signature": signature})


def _unreachable(url: str, error: Exception) -> Finding:
    if "CERTIFICATE" in str(error).upper():
        told = f"The certificate of {urlsplit(url).hostname} is not valid; Twilio refuses it too."
        return broken("webhook", told, "get a certificate from a public authority")
    told = f"{url} cannot be reached ({type(error).__name__})."
    return broken("webhook", told, "start the clone; check the address and the tunnel or proxy")


def _explained(answer: "httpx.Response", url: str) -> Finding:
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
    return broken("webhook", told, remedy)
