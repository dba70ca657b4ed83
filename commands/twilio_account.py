"""Asks Twilio whether the account that the settings name can be used."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from commands.finding import Finding, broken, doubtful, fine

if TYPE_CHECKING:
    import httpx

    from agent.settings import Twilio

_SECONDS = 10.0
_REFUSED = (401, 403, 404)


def check_account(twilio: "Twilio", seconds: float = _SECONDS) -> Iterator[Finding]:
    """Read the account at Twilio with the settings' credentials; nothing there is changed."""
    import httpx

    sid = twilio.account_sid
    url = f"{_origin(twilio)}/2010-04-01/Accounts/{sid}.json"
    try:
        with httpx.Client(timeout=seconds) as client:
            answer = client.get(url, auth=(sid, twilio.auth_token.reveal()))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        told = f"Twilio cannot be reached from here ({type(error).__name__}): nothing can be sent."
        remedy = "look at this machine's network and its proxy or firewall"
        if twilio.region or twilio.edge:
            remedy += "; look at TWILIO_REGION and TWILIO_EDGE"
        yield broken("account", told, remedy)
        return
    if answer.status_code in _REFUSED:
        told = "Twilio refuses TWILIO_ACCOUNT_SID with TWILIO_AUTH_TOKEN"
        remedy = (
            "copy both anew from Account Info in Twilio's Console; the token is the primary one"
        )
        if twilio.region:
            remedy += f", and that of the region {twilio.region}"
        yield broken("account", f"{told} ({answer.status_code}).", remedy)
    elif answer.status_code != 200:
        told = f"Twilio did not answer for the account ({answer.status_code})."
        yield doubtful("account", told, "run `clone doctor` again in a few minutes")
    else:
        yield _judged(_fields(answer))


def _judged(account: dict[str, Any]) -> Finding:
    status = account.get("status")
    if not status:
        told = "Something else than Twilio answers for the account."
        return broken("account", told, "look at this machine's proxy, and at TWILIO_API_BASE_URL")
    if status != "active":
        told = f"The account is {status} at Twilio: nothing is sent or received."
        return broken("account", told, "see in Twilio's Console what it asks of you")
    told = "Twilio accepts account and token"
    if account.get("type") == "Trial":
        return fine("account", f"{told}; it is a trial account, with at most 50 messages a day.")
    return fine("account", f"{told}.")


def _fields(answer: "httpx.Response") -> dict[str, Any]:
    try:
        fields = answer.json()
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _origin(twilio: "Twilio") -> str:
    """The host as Twilio's own client builds it: an edge without a region is of us1."""
    if twilio.api_base_url:
        return twilio.api_base_url
    region = twilio.region or ("us1" if twilio.edge else "")
    return "https://" + ".".join(filter(None, ("api", twilio.edge, region, "twilio.com")))
