"""What `clone doctor` looks at in the set-up: persona, models, simulator, hosting."""

import re
import tomllib
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

from agent.settings import HOUSE, SAMPLE
from commands.exposure import is_local
from commands.finding import Finding, broken, doubtful, fine

if TYPE_CHECKING:
    from agent.services import Services
    from agent.settings import Settings
    from prompts.persona import Persona

#: A model's last days are told of this many days ahead.
WARN_DAYS = 60
_SHUTDOWNS = HOUSE / "agent" / "adapters" / "shutdowns.toml"
_OCCASIONS = {
    "mirror": "in reply to voice notes, and to contacts who ask for it",
    "always": "every reply that can be spoken, but to contacts who prefer text",
}
_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$")


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
    if settings.model == "offline":
        told = "No AI model is connected: the clone answers by quoting its documents."
        remedy = "set OPENAI_API_KEY, or CLONE_MODEL with another provider's key"
        yield doubtful("model", told, remedy)
    else:
        yield fine("model", f"{settings.model} writes, {settings.embeddings} finds passages.")
    yield _hearing(settings, services.transcriber is not None)
    yield _speaking(settings, services.voice is not None)


def how_to_turn_voice_on(settings: "Settings") -> str:
    """Return what is to be set, or taken out, for the clone to have a voice."""
    missing = [
        name
        for name, value in (
            ("ELEVENLABS_API_KEY", settings.elevenlabs_api_key),
            ("ELEVENLABS_VOICE_ID", settings.elevenlabs_voice_id),
        )
        if not value
    ]
    return f"set {' and '.join(missing)}" if missing else "take out CLONE_VOICE=none"


def _hearing(settings: "Settings", on: bool) -> Finding:
    if on:
        return fine("hearing", f"{settings.transcriber} hears voice notes.")
    if settings.openai_api_key:
        remedy = "take out CLONE_TRANSCRIBER=none"
    elif settings.openai_base_url:
        remedy = "set CLONE_TRANSCRIBER to a model of your server, as openai:model"
    else:
        remedy = "set OPENAI_API_KEY"
    return fine("hearing", f"Voice notes are off; to turn them on, {remedy}.")


def _speaking(settings: "Settings", on: bool) -> Finding:
    if not on:
        remedy = how_to_turn_voice_on(settings)
        return fine("voice", f"Spoken replies are off; to turn them on, {remedy}.")
    if settings.voice_replies == "never":
        told = "There is a voice, but nobody hears it, whoever asks (CLONE_VOICE_REPLIES=never)."
        return fine("voice", told)
    connected = settings.twilio.whatsapp_from or settings.twilio.auth_token
    if connected and not settings.public_base_url:
        told = "WhatsApp gets text: voice replies cannot be fetched without PUBLIC_BASE_URL."
        return doubtful("voice", told, "set PUBLIC_BASE_URL to the address that Twilio calls")
    return fine("voice", f"{settings.voice} speaks {_OCCASIONS[settings.voice_replies]}.")


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
