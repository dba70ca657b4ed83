"""Every setting, read once from the environment, typed, with all mistakes reported together."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from agent.environment import Environment

HOUSE = Path(__file__).resolve().parent.parent
SAMPLE = HOUSE / "examples" / "santos_dumont"
OWN_PERSONA = HOUSE / "prompts" / "persona.toml"

VoiceReplies = Literal["never", "mirror", "always"]


class Secret:
    """A value that never shows in a repr, a log or an error; `reveal()` gives it to a client."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "Secret('***')" if self._value else "Secret('')"


@dataclass(frozen=True, kw_only=True)
class Twilio:
    """The WhatsApp door; closed while `auth_token` is empty."""

    account_sid: str
    auth_token: Secret
    whatsapp_from: str
    region: str
    edge: str
    #: Tests only: all Twilio REST goes here.
    api_base_url: str


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the environment says, with the defaults of the house; units are in the names."""

    persona: Path
    documents: Path
    data: Path
    database_url: Secret
    model: str
    embeddings: str
    transcriber: str
    voice: str
    voice_replies: VoiceReplies
    burst_seconds: float
    turn_seconds: float
    idle_seconds: float
    concurrency: int
    window_tokens: int
    turns_per_minute: int
    turns_per_day: int
    daily_budget: float | None
    keep_days: int | None
    keep_audio_hours: int
    link_domains: tuple[str, ...]
    #: Such addresses often carry a token.
    alert_url: str = field(repr=False)
    secret: Secret
    host: str
    port: int
    simulator: Literal["on", "off", "auto"]
    proxy_hops: int
    openai_api_key: Secret
    openai_base_url: str = field(repr=False)
    elevenlabs_api_key: Secret
    elevenlabs_voice_id: str
    elevenlabs_model: str
    elevenlabs_base_url: str = field(repr=False)
    twilio: Twilio
    public_base_url: str
    langsmith_tracing: bool
    langsmith_project: str
    #: Set by the hosts whose disk may vanish at a republish (Replit deployments).
    disk_may_vanish: bool

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Read `env`; raises `SettingsError` that lists every mistake with its remedy."""
        read = Environment(env)
        has_openai = bool(read.text("OPENAI_API_KEY"))
        has_voice = bool(read.text("ELEVENLABS_API_KEY") and read.text("ELEVENLABS_VOICE_ID"))
        settings = cls(
            persona=_persona(read.text("CLONE_PERSONA")),
            documents=_documents(read.text("CLONE_DOCUMENTS")),
            data=_path(read.text("CLONE_DATA") or "data"),
            database_url=Secret(read.database_url()),
            model=read.text("CLONE_MODEL") or ("openai:gpt-6-luna" if has_openai else "offline"),
            embeddings=read.text("CLONE_EMBEDDINGS")
            or ("openai:text-embedding-3-small" if has_openai else "offline"),
            transcriber=read.text("CLONE_TRANSCRIBER")
            or ("openai:gpt-transcribe" if has_openai else "none"),
            voice=read.text("CLONE_VOICE") or ("elevenlabs" if has_voice else "none"),
            voice_replies=read.choice(
                "CLONE_VOICE_REPLIES", "mirror", ("never", "mirror", "always")
            ),
            burst_seconds=read.number("CLONE_BURST_SECONDS", 1.0, least=0, most=60),
            turn_seconds=read.number("CLONE_TURN_SECONDS", 60, least=1, most=600),
            idle_seconds=read.number("CLONE_IDLE_SECONDS", 300, least=0, most=86400),
            concurrency=read.whole("CLONE_CONCURRENCY", 1000, least=1, most=100_000),
            window_tokens=read.whole("CLONE_WINDOW_TOKENS", 3000, least=200, most=1_000_000),
            turns_per_minute=read.whole("CLONE_TURNS_PER_MINUTE", 20, least=1, most=10_000),
            turns_per_day=read.whole("CLONE_TURNS_PER_DAY", 200, least=1, most=1_000_000),
            daily_budget=read.optional("CLONE_DAILY_BUDGET"),
            keep_days=read.optional_whole("CLONE_KEEP_DAYS"),
            keep_audio_hours=read.whole("CLONE_KEEP_AUDIO_HOURS", 24, least=5, most=8760),
            link_domains=read.words("CLONE_LINK_DOMAINS"),
            alert_url=read.url("CLONE_ALERT_URL"),
            secret=Secret(read.key("CLONE_SECRET")),
            host=read.text("CLONE_HOST") or "127.0.0.1",
            port=read.whole("PORT", 8080, least=0, most=65535),
            simulator=read.choice("CLONE_SIMULATOR", "auto", ("on", "off", "auto")),
            proxy_hops=read.whole("CLONE_PROXY_HOPS", 0, least=0, most=10),
            openai_api_key=Secret(read.text("OPENAI_API_KEY")),
            openai_base_url=read.url("OPENAI_BASE_URL"),
            elevenlabs_api_key=Secret(read.text("ELEVENLABS_API_KEY")),
            elevenlabs_voice_id=read.text("ELEVENLABS_VOICE_ID"),
            elevenlabs_model=read.text("ELEVENLABS_MODEL") or "eleven_multilingual_v2",
            elevenlabs_base_url=read.url("ELEVENLABS_BASE_URL"),
            twilio=_twilio(read),
            public_base_url=read.url("PUBLIC_BASE_URL"),
            langsmith_tracing=read.switch("LANGSMITH_TRACING"),
            langsmith_project=read.text("LANGSMITH_PROJECT") or "clone-digital",
            disk_may_vanish=bool(read.text("REPLIT_DEPLOYMENT")),
        )
        read.raise_mistakes()
        return settings


def _twilio(read: Environment) -> Twilio:
    # As people print numbers: +1 415 523 8886.
    sender = re.sub(r"[\s().-]", "", read.text("TWILIO_WHATSAPP_FROM"))
    if sender and not sender.startswith("whatsapp:"):
        sender = f"whatsapp:{sender}"
    return Twilio(
        account_sid=read.text("TWILIO_ACCOUNT_SID"),
        auth_token=Secret(read.text("TWILIO_AUTH_TOKEN")),
        whatsapp_from=sender,
        region=read.text("TWILIO_REGION"),
        edge=read.text("TWILIO_EDGE"),
        api_base_url=read.url("TWILIO_API_BASE_URL"),
    )


def _path(given: str) -> Path:
    """A relative path means: beside the code, whatever folder the command was typed in."""
    path = Path(given).expanduser()
    return path if path.is_absolute() else HOUSE / path


def _persona(given: str) -> Path:
    if given:
        return _path(given)
    return OWN_PERSONA if OWN_PERSONA.exists() else SAMPLE / "persona.toml"


def _documents(given: str) -> Path:
    own = _path(given or "documents")
    if given or holds_documents(own):
        return own
    return SAMPLE / "documents"


def holds_documents(folder: Path) -> bool:
    """Tell whether the owner has put a file there; the folder's own README does not count."""
    if not folder.is_dir():
        return False
    return any(
        path.is_file() and not path.name.startswith(".") and path != folder / "README.md"
        for path in folder.rglob("*")
    )
