"""What `clone doctor` looks at in the set-up: persona, models, WhatsApp's settings, hosting."""

import re
import tomllib
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from agent.settings import HOUSE, SAMPLE
from commands.exposure import is_local
from commands.finding import Finding, broken, doubtful, fine

if TYPE_CHECKING:
    from agent.services import Services
    from agent.settings import Settings, Twilio
    from prompts.persona import Persona

#: A model's last days are told of this many days ahead.
WARN_DAYS = 60
_SHUTDOWNS = HOUSE / "agent" / "adapters" / "shutdowns.toml"
_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$")
_SENDER = re.compile(r"whatsapp:\+\d{7,15}")


def check_persona(persona: "Persona", settings: "Settings") -> Iterator[Finding]:
    """Tell whose clone it is, and whether real contacts still get the smoke test's answer."""
    if settings.persona == SAMPLE / "persona.toml":
        told = f"This is the sample clone, {persona.name}."
        yield doubtful("persona", told, "`clone init` makes it yours")
    else:
        yield fine("persona", f"{persona.name}, from {settings.persona}.")
    sample = tomllib.loads((SAMPLE / "persona.toml").read_text(encoding="utf-8"))
    smoke_test = sample["shortcuts"]["oi"]
    connected = settings.twilio.whatsapp_from or settings.twilio.auth_token
    if connected and smoke_test in persona.shortcuts.values():
        yield doubtful(
            "greeting",
            "A WhatsApp number is set, and contacts who write “oi” get the answer that tests a "
            "new installation.",
            "`clone init` asks for your greeting; or change it under [shortcuts]",
        )


def check_features(settings: "Settings", services: "Services") -> Iterator[Finding]:
    """Tell who writes, hears and speaks, and why a part of it is off."""
    openai = "set OPENAI_API_KEY"
    if settings.model == "offline":
        told = "No AI model is connected: the clone answers by quoting its documents."
        yield doubtful("model", told, f"{openai}, or CLONE_MODEL with another provider's key")
    else:
        yield fine("model", f"{settings.model} writes, {settings.embeddings} finds passages.")
    yield _part(
        "hearing", "Voice notes", settings.transcriber, services.transcriber is not None, openai
    )
    missing = [
        name
        for name, value in (
            ("ELEVENLABS_API_KEY", settings.elevenlabs_api_key),
            ("ELEVENLABS_VOICE_ID", settings.elevenlabs_voice_id),
        )
        if not value
    ]
    remedy = f"set {' and '.join(missing)}" if missing else "set CLONE_VOICE=elevenlabs"
    yield _part("voice", "Spoken replies", settings.voice, services.voice is not None, remedy)


def _part(check: str, what: str, setting: str, works: bool, remedy: str) -> Finding:
    if setting == "none":
        return fine(check, f"{what} are off; to turn them on, {remedy}.")
    if not works:
        told = f"{what} are set to {setting}, but this version cannot do them yet."
        return doubtful(check, told, "contacts are told so; update the program when it can")
    return fine(check, f"{what} are on ({setting}).")


def check_shutdowns(settings: "Settings", today: date) -> Iterator[Finding]:
    """Warn about models in use that their vendor is about to switch off."""
    used = {
        "CLONE_MODEL": settings.model,
        "CLONE_EMBEDDINGS": settings.embeddings,
        "CLONE_TRANSCRIBER": settings.transcriber,
    }
    table = tomllib.loads(_SHUTDOWNS.read_text(encoding="utf-8"))["shutdown"]
    for setting, model in used.items():
        # A bare name is OpenAI's, as for LangChain.
        provider, _, name = model.rpartition(":")
        for each in table:
            known = (provider or "openai") == each["provider"]
            if not known or _SNAPSHOT.sub("", name) not in each["models"]:
                continue
            left = (each["day"] - today).days
            remedy = f"{setting}={each['provider']}:{each['instead']}"
            if left < 0:
                told = f"{model} was switched off on {each['day']}."
                yield broken("model dates", told, remedy)
            elif left <= WARN_DAYS:
                told = f"{model} is switched off on {each['day']}, in {left} days."
                yield doubtful("model dates", told, remedy)


def check_whatsapp(twilio: "Twilio") -> Iterator[Finding]:
    """Tell whether Twilio's settings belong together and look like Twilio's."""
    parts = {
        "TWILIO_ACCOUNT_SID": bool(twilio.account_sid),
        "TWILIO_AUTH_TOKEN": bool(twilio.auth_token),
        "TWILIO_WHATSAPP_FROM": bool(twilio.whatsapp_from),
    }
    missing = [name for name, given in parts.items() if not given]
    if len(missing) == len(parts):
        yield fine("whatsapp", "Not connected; the simulator and `clone chat` need no WhatsApp.")
        return
    wrong = False
    if missing:
        wrong = True
        told = f"Twilio is set by half: without {' and '.join(missing)} nothing can be " + (
            "received." if "TWILIO_AUTH_TOKEN" in missing else "sent."
        )
        yield broken("whatsapp", told, "copy the values from Twilio's console into .env")
    if twilio.account_sid and not re.fullmatch(r"AC[0-9a-fA-F]{32}", twilio.account_sid):
        wrong = True
        told = "TWILIO_ACCOUNT_SID is not an account's: AC and 32 digits from 0 to f."
        yield broken("whatsapp", told, "copy the Account SID from Twilio's console")
    if twilio.whatsapp_from and not _SENDER.fullmatch(twilio.whatsapp_from):
        wrong = True
        told = "TWILIO_WHATSAPP_FROM is not a number in international form."
        yield broken("whatsapp", told, "write it as whatsapp:+14155238886")
    if twilio.api_base_url:
        told = "TWILIO_API_BASE_URL is set, so that nothing reaches Twilio."
        yield doubtful("whatsapp", told, "it is for tests only: take it out")
    if not wrong:
        yield fine("whatsapp", "Twilio's account, token and number are set.")


def check_public_address(settings: "Settings") -> Iterator[Finding]:
    """Tell whether Twilio can call the address that the settings name."""
    address = urlsplit(settings.public_base_url)
    if not settings.public_base_url:
        if settings.twilio.auth_token:
            told = "PUBLIC_BASE_URL is not set: behind a proxy or tunnel every signature differs."
            yield doubtful("address", told, "set it to the https address that Twilio calls")
    elif address.scheme != "https":
        told = "PUBLIC_BASE_URL is not https: what contacts write would travel in the open."
        yield broken("address", told, "put the clone behind https, and write https:// here")
    elif address.query or address.fragment or address.username:
        told = "PUBLIC_BASE_URL holds more than host and path."
        yield broken("address", told, "leave out what stands behind ? or #, and any password")
    elif address.path.endswith("/webhook/whatsapp"):
        told = "PUBLIC_BASE_URL ends with the webhook's own path."
        yield broken("address", told, "write it without /webhook/whatsapp")
    else:
        yield fine("address", f"Twilio's webhook is {settings.public_base_url}/webhook/whatsapp.")


def check_exposure(settings: "Settings") -> Iterator[Finding]:
    """Tell who can open the simulator."""
    if settings.simulator == "off":
        yield fine("simulator", "The simulator page is off.")
    elif is_local(settings):
        yield fine("simulator", "The simulator page opens on this machine only.")
    elif settings.simulator == "on":
        told = "The simulator page is open to whoever has the word that `clone serve` prints."
        yield doubtful("simulator", told, "take out CLONE_SIMULATOR=on when you are done")
    else:
        yield fine("simulator", "Other machines may reach the server: the simulator page is off.")


def check_hosting(settings: "Settings") -> Iterator[Finding]:
    """Warn where a republish would take the conversations with it."""
    if not settings.disk_may_vanish:
        return
    if not settings.database_url:
        told = "This host's disk may vanish at a republish, and the conversations are on it."
        yield doubtful("hosting", told, "set DATABASE_URL to a PostgreSQL database")
    if not settings.secret:
        told = "The key of the contacts' hashes is on a disk that may vanish: they would be new."
        yield doubtful("hosting", told, "set CLONE_SECRET, 32 characters or more, as a secret")
