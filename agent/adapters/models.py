"""Builds the chat model and the embeddings that a setting names, each with its vendor policy."""

from collections.abc import Callable
from typing import Any

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel

from agent.adapters.offline_chat import OfflineChatModel
from agent.adapters.offline_embeddings import OfflineEmbeddings
from agent.adapters.vendor_embeddings import VendorEmbeddings
from agent.errors import SettingsError, TemporaryError, VendorError
from agent.settings import Settings
from agent.vendors import Vendor, explain_http
from prompts.persona import Persona

#: A read that takes longer is dead; the policy's wall clock bounds the whole call.
_READ_SECONDS = 25.0
#: Chat models that LangChain takes for OpenAI's without being told; only OpenAI gets its key.
_OPENAI_NAMES = ("gpt-", "o1", "o3", "o4", "chatgpt")
_EXAMPLES = {
    "CLONE_MODEL": "openai:gpt-6-luna",
    "CLONE_EMBEDDINGS": "openai:text-embedding-3-small",
}
#: Retries and deadlines are the policy's.
_CLIENT = {"max_retries": 0, "timeout": _READ_SECONDS}


def chat_model(settings: Settings, persona: Persona) -> tuple[BaseChatModel, Vendor]:
    """Return the model of `CLONE_MODEL` and the policy to call it with.

    Raises `SettingsError` for a provider that is unknown, not installed or without its key.
    """
    if settings.model == "offline":
        return OfflineChatModel(persona=persona), Vendor("offline", explain_sdk("offline"))
    from langchain.chat_models import init_chat_model

    provider, colon, name = settings.model.partition(":")
    if not colon and provider.startswith(_OPENAI_NAMES):
        provider, name = "openai", provider
    options: dict[str, Any] = dict(_CLIENT)
    if provider == "openai":
        options |= openai_account(settings, "CLONE_MODEL")
        if name.startswith("gpt-6"):
            # A chat reply needs no reasoning, which costs seconds and refuses a temperature.
            options["reasoning_effort"] = "none"
    model = _build("CLONE_MODEL", init_chat_model, settings.model, options)
    return model, Vendor(provider, explain_sdk(provider))


def embeddings(settings: Settings) -> Embeddings:
    """Return the embeddings of `CLONE_EMBEDDINGS`; raises `SettingsError` as `chat_model` does."""
    if settings.embeddings == "offline":
        return OfflineEmbeddings()
    from langchain.embeddings import init_embeddings

    provider = settings.embeddings.partition(":")[0]
    options: dict[str, Any] = {}
    if provider == "openai":
        # The length check would download tiktoken's tables at run time.
        options = {
            **_CLIENT,
            **openai_account(settings, "CLONE_EMBEDDINGS"),
            "check_embedding_ctx_length": False,
        }
    client = _build("CLONE_EMBEDDINGS", init_embeddings, settings.embeddings, options)
    return VendorEmbeddings(client, Vendor(provider, explain_sdk(provider)))


def explain_sdk(vendor: str) -> Callable[[Exception], VendorError]:
    """Return a function that turns an SDK's exception into ours, by its HTTP status and code."""

    def explain(error: Exception) -> VendorError:
        status = getattr(error, "status_code", None)
        if status is None and not _is_connection(error):
            # An answer that the client could not read: HTML, cut JSON, no choices.
            return TemporaryError(f"{vendor} gave an answer that cannot be read", code="unreadable")
        headers = getattr(getattr(error, "response", None), "headers", None) or {}
        code = str(getattr(error, "code", None) or "")
        return explain_http(vendor, status, code, headers.get("retry-after"))

    return explain


def openai_account(settings: Settings, name: str) -> dict[str, Any]:
    """Return key and address for OpenAI's client, which the setting `name` wants.

    Raises `SettingsError` where there is neither.
    """
    key = settings.openai_api_key.reveal()
    if not key and not settings.openai_base_url:
        raise SettingsError(f"{name} names an OpenAI model, but OPENAI_API_KEY is not set")
    # Servers of one's own (Ollama, vLLM, llama.cpp) ask for no key; the client insists on one.
    options: dict[str, Any] = {"api_key": key or "none"}
    if settings.openai_base_url:
        options["base_url"] = settings.openai_base_url
    return options


def _is_connection(error: Exception) -> bool:
    """Tell by its family: each SDK has its own connection error, and none is imported here."""
    names = [family.__name__ for family in type(error).__mro__]
    return isinstance(error, OSError) or any("Connect" in n or "Timeout" in n for n in names)


def _build(setting: str, make: Callable[..., Any], name: str, options: dict[str, Any]) -> Any:
    try:
        if name.endswith(":"):
            raise ValueError("no model is named")
        return make(name, **options)
    except ImportError as error:
        raise SettingsError(f"{setting}={name}: {error}") from error
    except (ValueError, TypeError) as error:
        raise SettingsError(
            f"{setting}={name} cannot be used: write provider:model of a provider that LangChain "
            f"knows, e.g. {_EXAMPLES[setting]}, and set that provider's key"
        ) from error
