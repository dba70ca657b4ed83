"""Builds what hears and what speaks, as the settings name them."""

from agent.adapters.elevenlabs_voice import ElevenLabsVoice
from agent.adapters.models import openai_account
from agent.adapters.openai_transcriber import OpenAITranscriber
from agent.adapters.voice_cache import VoiceCache
from agent.errors import SettingsError
from agent.settings import Settings
from prompts.persona import Persona

_CACHE = "voice_cache"


class Sound:
    """Ears and voice for the life of a process; each is None where it is off.

    Raises `SettingsError` for a transcriber or a voice that is unknown or without its key.
    """

    def __init__(self, settings: Settings, persona: Persona) -> None:
        self._spoken = _voice(settings, persona)
        self.transcriber = _transcriber(settings, persona)
        self.voice: VoiceCache | None = None
        if self._spoken:
            folder = settings.data / _CACHE
            self.voice = VoiceCache(self._spoken, folder, self._spoken.identity)

    async def aclose(self) -> None:
        """Close every connection that was opened."""
        for each in (self.transcriber, self._spoken):
            if each:
                await each.close()


def _transcriber(settings: Settings, persona: Persona) -> OpenAITranscriber | None:
    if settings.transcriber == "none":
        return None
    provider, _, model = settings.transcriber.rpartition(":")
    if provider not in ("openai", "") or not model:
        raise SettingsError(
            f"CLONE_TRANSCRIBER={settings.transcriber} cannot be used: write openai:model, e.g. "
            "openai:gpt-transcribe, or none"
        )
    return OpenAITranscriber(openai_account(settings, "CLONE_TRANSCRIBER"), model, persona)


def _voice(settings: Settings, persona: Persona) -> ElevenLabsVoice | None:
    if settings.voice == "none":
        return None
    if settings.voice != "elevenlabs":
        raise SettingsError(f"CLONE_VOICE={settings.voice} is not known: write elevenlabs or none")
    if not settings.elevenlabs_api_key or not settings.elevenlabs_voice_id:
        raise SettingsError(
            "CLONE_VOICE=elevenlabs needs ELEVENLABS_API_KEY and ELEVENLABS_VOICE_ID"
        )
    return ElevenLabsVoice(settings, persona.voice)
