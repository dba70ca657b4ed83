"""The environment becomes settings, or a list of everything that is wrong with it."""

import dataclasses
import pprint
import traceback
from pathlib import Path

import pytest

from agent.errors import SettingsError
from agent.settings import HOUSE, SAMPLE, Secret, Settings

SECRETS = {
    "OPENAI_API_KEY": "sk-planted-openai",
    "ELEVENLABS_API_KEY": "planted-elevenlabs",
    "TWILIO_AUTH_TOKEN": "planted-twilio",
    "CLONE_SECRET": "planted-secret-" + "x" * 32,
    "DATABASE_URL": "postgresql://u:planted-password@db.example/clone",
    "CLONE_ALERT_URL": "https://hooks.example/planted-token",
}


def test_nothing_set_is_a_clone_that_runs() -> None:
    """Without any setting everything has the default of the house, and no vendor is needed."""
    settings = Settings.from_env({})

    assert settings.model == settings.embeddings == "offline"
    assert settings.transcriber == settings.voice == "none"
    assert (settings.burst_seconds, settings.turn_seconds, settings.idle_seconds) == (1, 60, 300)
    assert (settings.concurrency, settings.window_tokens) == (1000, 3000)
    assert (settings.turns_per_minute, settings.turns_per_day) == (20, 200)
    assert (settings.host, settings.port, settings.simulator) == ("127.0.0.1", 8080, "auto")
    assert settings.data == HOUSE / "data"
    assert settings.daily_budget is settings.keep_days is None
    assert not settings.twilio.auth_token
    assert not settings.langsmith_tracing


def test_a_key_chooses_the_vendors_models() -> None:
    """With OpenAI's key its models are the defaults; what is named stays as named."""
    settings = Settings.from_env({"OPENAI_API_KEY": "sk-x", "CLONE_EMBEDDINGS": "offline"})

    assert settings.model == "openai:gpt-6-luna"
    assert settings.embeddings == "offline"
    assert settings.transcriber == "openai:gpt-transcribe"


@pytest.mark.parametrize(
    ("env", "voice"),
    [
        ({"ELEVENLABS_API_KEY": "k"}, "none"),
        ({"ELEVENLABS_VOICE_ID": "v"}, "none"),
        ({"ELEVENLABS_API_KEY": "k", "ELEVENLABS_VOICE_ID": "v"}, "elevenlabs"),
        ({"ELEVENLABS_API_KEY": "k", "ELEVENLABS_VOICE_ID": "v", "CLONE_VOICE": "none"}, "none"),
    ],
)
def test_a_voice_needs_key_and_id(env: dict[str, str], voice: str) -> None:
    """The voice speaks by default only when both of its settings are there."""
    assert Settings.from_env(env).voice == voice


def test_values_are_typed_and_trimmed() -> None:
    """Space around a value, capitals in a choice and a slash at an address do not matter."""
    settings = Settings.from_env(
        {
            "CLONE_BURST_SECONDS": " 0.5 ",
            "PORT": "0",
            "CLONE_VOICE_REPLIES": "Always",
            "LANGSMITH_TRACING": "TRUE",
            "PUBLIC_BASE_URL": "https://clone.example/",
            "CLONE_LINK_DOMAINS": "Example.com, museu.br  x.org",
            "CLONE_DAILY_BUDGET": "2.5",
            "CLONE_KEEP_DAYS": "30",
            "CLONE_MODEL": "  ",
        }
    )

    assert settings.burst_seconds == 0.5
    assert settings.port == 0
    assert settings.voice_replies == "always"
    assert settings.langsmith_tracing is True
    assert settings.public_base_url == "https://clone.example"
    assert settings.link_domains == ("example.com", "museu.br", "x.org")
    assert (settings.daily_budget, settings.keep_days) == (2.5, 30)
    assert settings.model == "offline"


@pytest.mark.parametrize("number", ["+14155238886", "whatsapp:+14155238886"])
def test_the_sending_number_gets_its_channel(number: str) -> None:
    """Twilio wants `whatsapp:` before the number; owners may leave it out."""
    settings = Settings.from_env({"TWILIO_WHATSAPP_FROM": number})

    assert settings.twilio.whatsapp_from == "whatsapp:+14155238886"


def test_paths_are_beside_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path means the same folder, wherever the command was typed."""
    monkeypatch.chdir(tmp_path)

    assert Settings.from_env({"CLONE_DATA": "state"}).data == HOUSE / "state"
    assert Settings.from_env({"CLONE_DATA": str(tmp_path)}).data == tmp_path


def test_the_owners_documents_replace_the_sample(tmp_path: Path) -> None:
    """A folder that is named is used as it is; the sample's only stands in for no file at all."""
    assert Settings.from_env({"CLONE_DOCUMENTS": str(tmp_path)}).documents == tmp_path
    assert Settings.from_env({}).documents in (SAMPLE / "documents", HOUSE / "documents")


WRONG = {
    "CLONE_BURST_SECONDS": ("soon", "0.5 s", "-1", "61", "nan", "inf"),
    "CLONE_TURN_SECONDS": ("0", "601"),
    "CLONE_IDLE_SECONDS": ("-1",),
    "CLONE_CONCURRENCY": ("0", "1.5", "many"),
    "CLONE_WINDOW_TOKENS": ("10",),
    "CLONE_TURNS_PER_MINUTE": ("0",),
    "CLONE_TURNS_PER_DAY": ("0",),
    "CLONE_DAILY_BUDGET": ("-1", "free", "nan"),
    "CLONE_KEEP_DAYS": ("0", "x"),
    "CLONE_KEEP_AUDIO_HOURS": ("4",),
    "CLONE_VOICE_REPLIES": ("sometimes",),
    "CLONE_SIMULATOR": ("maybe",),
    "CLONE_PROXY_HOPS": ("-1", "11"),
    "CLONE_ALERT_URL": ("hooks.example", "https://", "https://[x", "http://h:99999", "ftp://h/x"),
    "OPENAI_BASE_URL": ("localhost:11434",),
    "PUBLIC_BASE_URL": ("clone.example", "https://["),
    "CLONE_SECRET": ("short",),
    "DATABASE_URL": ("mysql://x", "sqlite:///x.db", "clone", "http://["),
    "LANGSMITH_TRACING": ("perhaps",),
    "PORT": ("65536", "http"),
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_a_wrong_value_is_named_with_its_remedy(name: str, value: str) -> None:
    """Each mistake becomes one line that names the setting and says what to write."""
    with pytest.raises(SettingsError) as raised:
        Settings.from_env({name: value})

    _, line = str(raised.value).splitlines()
    assert line.startswith(f"  - {name}: ")
    assert len(line) > len(f"  - {name}: ") + 10


def test_all_mistakes_are_told_together() -> None:
    """One run of the program is enough to learn everything that is wrong."""
    env = {name: values[0] for name, values in WRONG.items()}

    with pytest.raises(SettingsError) as raised:
        Settings.from_env(env)

    assert len(str(raised.value).splitlines()) == 1 + len(WRONG)
    assert all(f"  - {name}: " in str(raised.value) for name in WRONG)


def test_a_mistake_does_not_repeat_the_value() -> None:
    """A secret typed into the wrong place is not printed back."""
    env = dict.fromkeys(WRONG, "sk-planted")

    with pytest.raises(SettingsError) as raised:
        Settings.from_env(env)

    assert "sk-planted" not in "".join(traceback.format_exception(raised.value))


def test_secrets_never_show() -> None:
    """No way of printing the settings shows a secret."""
    settings = Settings.from_env(SECRETS)

    shown = "".join(
        (
            repr(settings),
            str(settings),
            f"{settings}",
            pprint.pformat(settings),
            repr(dataclasses.astuple(settings)[3]),
            repr(vars(settings).get("openai_api_key")),
            f"{settings.twilio.auth_token}",
        )
    )

    assert [value for value in SECRETS.values() if value in shown] == []
    assert "planted" not in shown


def test_a_secret_is_given_only_when_asked() -> None:
    """`reveal` gives the value to a client; a missing one is false."""
    assert Secret("x").reveal() == "x"
    assert bool(Secret("x"))
    assert not Secret("")
    assert repr(Secret("x")) == "Secret('***')"
    assert repr(Secret("")) == "Secret('')"
