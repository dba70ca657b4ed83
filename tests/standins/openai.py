"""A stand-in of OpenAI: chat, embeddings, transcription and models on loopback."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any

from tests.standins.chat import Chat, mistake, prompt_text, refusal, spoken, tokens
from tests.standins.embedding import encoded, hashed_vector
from tests.standins.exchange import Answer, Behaviour, Handler, Request, always, json_answer
from tests.standins.multipart import Part, parts
from tests.standins.prompt import ordinary_answer
from tests.standins.server import StandIn

API_KEY = "sk-test"
MODELS: Mapping[str, str | None] = {
    "gpt-6-luna": None,
    "gpt-transcribe": None,
    "whisper-1": "2027-02-26",
    "text-embedding-3-small": None,
    "gpt-4o-mini": "2027-01-14",
}
#: OpenAI judges a recording by the name of its file.
SOUND_FORMATS = frozenset(["flac", "mp3", "mp4", "mpeg", "mpga", "m4a", "ogg", "wav", "webm"])
CACHED_FROM, CACHED_STEP = 1024, 128


def refused(status: int, code: str, *, retry_after: float | None = None) -> Behaviour:
    """Refuse, e.g. 429 `rate_limit_exceeded` or `insufficient_quota`; `retry_after` in seconds."""
    headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
    return always(replace(refusal(status, code), headers=headers))


def says(answer: str | Callable[[Chat], str]) -> Behaviour:
    """Let the chat model answer with a text, or with a function's text for the request.

    The usage names no cached tokens; set `OpenAIStandIn.reply` where they matter.
    """

    def behave(request: Request, proceed: Handler) -> Answer:
        ordinary = proceed(request)
        if ordinary.status != 200:
            return ordinary
        text = answer if isinstance(answer, str) else answer(request.json())
        return replace(spoken(request.json(), {"content": text}), delay=ordinary.delay)

    return behave


def says_message(message: Mapping[str, Any]) -> Behaviour:
    """Answer with a raw message, e.g. `{"content": None}` or `{"refusal": "I cannot"}`."""
    return lambda request, _proceed: spoken(request.json(), message)


def says_nothing() -> Behaviour:
    """Answer with no choices at all."""
    return always(json_answer({"id": "chatcmpl-0", "object": "chat.completion", "choices": []}))


def says_html(status: int = 200) -> Behaviour:
    """Answer with a web page, as a proxy in between would."""
    page = b"<!doctype html><title>Bad gateway</title><p>Please try again."
    return always(Answer(status=status, body=page, content_type="text/html"))


def cut_short() -> Behaviour:
    """Answer with the first half of the JSON."""

    def behave(request: Request, proceed: Handler) -> Answer:
        answer = proceed(request)
        assert isinstance(answer.body, bytes), "only a whole answer can be cut"
        return replace(answer, body=answer.body[: len(answer.body) // 2])

    return behave


def drips(pause: float = 1.0) -> Behaviour:
    """Answer one byte every `pause` seconds: no read ever times out."""

    def behave(request: Request, proceed: Handler) -> Answer:
        body = proceed(request).body
        whole = body if isinstance(body, bytes) else b"".join(body)
        return Answer(body=(bytes([byte]) for byte in whole), pause=pause)

    return behave


def never_ends() -> Behaviour:
    """Answer with blanks for ever, as fast as they are read."""
    return always(Answer(body=repeat(b" " * 65536)))


def hears(text: str, *languages: str) -> Behaviour:
    """Let the transcriber hear `text`; no `languages` means that it is unsure of them."""

    def behave(request: Request, proceed: Handler) -> Answer:
        ordinary = proceed(request)
        if ordinary.status != 200:
            return ordinary
        return replace(_heard(text, languages), delay=ordinary.delay)

    return behave


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A recording as it was uploaded for transcription."""

    file_name: str
    content_type: str
    data: bytes
    model: str
    languages: tuple[str, ...]
    keywords: tuple[str, ...]
    #: What the older models are told instead.
    language: str
    prompt: str


class OpenAIStandIn(StandIn):
    """An OpenAI with one key that answers at once, or after `latency` seconds in chat.

    It hears within `hearing_latency` seconds.

    Operations: chat, embeddings, transcription, models, model.
    Set `OPENAI_BASE_URL` to `base_url` and `OPENAI_API_KEY` to `api_key`.
    """

    def __init__(
        self,
        *,
        latency: float = 0.0,
        hearing_latency: float = 0.0,
        models: Mapping[str, str | None] = MODELS,
    ) -> None:
        super().__init__()
        self.api_key = API_KEY
        #: Seconds that the chat model takes; scripted texts (`says`) take as long.
        self.latency = latency
        #: Seconds that a transcription takes; scripted ones (`hears`) take as long.
        self.hearing_latency = hearing_latency
        #: What the chat model says when nothing is scripted.
        self.reply: Callable[[Chat], str] = _reply
        #: The models there are, with the date of their announced end.
        self.models = dict(models)
        self.route("POST", "/v1/chat/completions", "chat", self._chat)
        self.route("POST", "/v1/embeddings", "embeddings", self._embed)
        self.route("POST", "/v1/audio/transcriptions", "transcription", self._transcribe)
        self.route("GET", "/v1/models", "models", self._list_models)
        self.route("GET", "/v1/models/(?P<id>[^/]+)", "model", self._show_model)
        self._prefixes: set[str] = set()

    @property
    def base_url(self) -> str:
        """The address to give to a client."""
        return f"{self.url}/v1"

    @property
    def chats(self) -> list[Chat]:
        """The parsed bodies of all chat requests, in order."""
        return [request.json() for request in self.requests("chat")]

    @property
    def recordings(self) -> list[Recording]:
        """Every upload for transcription, in order."""
        return [_recording(parts(r)) for r in self.requests("transcription")]

    def unknown(self, request: Request) -> Answer:
        """Answer as OpenAI does to a path that it does not have."""
        return refusal(404, "unknown_url", f"Unknown request URL: {request.path}")

    def _stranger(self, request: Request) -> Answer | None:
        """Return the refusal of a request without the key."""
        if request.headers.get("Authorization") == f"Bearer {self.api_key}":
            return None
        message = "Incorrect API key provided"
        return refusal(401, "invalid_api_key", message, "invalid_request_error")

    def _chat(self, request: Request) -> Answer:
        if problem := self._stranger(request):
            return problem
        chat = request.json()
        if problem := self._without_model(chat["model"]) or mistake(chat):
            return problem
        prefix = prompt_text(chat["messages"][:1])
        with self.changed:
            seen = prefix in self._prefixes
            self._prefixes.add(prefix)
        cached = tokens(prefix) // CACHED_STEP * CACHED_STEP if seen else 0
        content = {"content": self.reply(chat)}
        answer = spoken(chat, content, cached if cached >= CACHED_FROM else 0)
        return replace(answer, delay=self.latency)

    def _embed(self, request: Request) -> Answer:
        if problem := self._stranger(request):
            return problem
        asked = request.json()
        if problem := self._without_model(asked["model"]):
            return problem
        given = asked["input"]
        texts = [given] if isinstance(given, str) else given
        if not all(isinstance(text, str) and text for text in texts):
            return refusal(400, "invalid_input", "input must be text, and not empty")
        size = asked.get("dimensions") or (3072 if "large" in asked["model"] else 1536)
        as_text = asked.get("encoding_format") == "base64"
        vectors = (hashed_vector(text, size) for text in texts)
        data = [
            {"object": "embedding", "index": i, "embedding": encoded(v) if as_text else v.tolist()}
            for i, v in enumerate(vectors)
        ]
        used = sum(map(tokens, texts))
        usage = {"prompt_tokens": used, "total_tokens": used}
        document = {"object": "list", "data": data, "model": asked["model"], "usage": usage}
        return json_answer(document)

    def _transcribe(self, request: Request) -> Answer:
        if problem := self._stranger(request):
            return problem
        recording = _recording(parts(request))
        if problem := self._without_model(recording.model):
            return problem
        extension = recording.file_name.rpartition(".")[2]
        if extension not in SOUND_FORMATS:
            return refusal(400, "unsupported_format", f"Unsupported file format {extension}")
        if (recording.languages or recording.keywords) and not _takes_hints(recording.model):
            return refusal(400, "unknown_parameter", "Unknown parameter: 'languages'.")
        heard = _heard("Quando foi o primeiro voo do 14-bis?", ("pt",))
        return replace(heard, delay=self.hearing_latency)

    def _list_models(self, request: Request) -> Answer:
        data = [self._model(name) for name in self.models]
        return self._stranger(request) or json_answer({"object": "list", "data": data})

    def _show_model(self, request: Request) -> Answer:
        name = request.parts["id"]
        problem = self._stranger(request) or self._without_model(name)
        return problem or json_answer(self._model(name))

    def _model(self, name: str) -> dict[str, object]:
        end = self.models[name]
        about = {"id": name, "object": "model", "created": 1_780_000_000, "owned_by": "openai"}
        return about | {"shutdown_date": end}

    def _without_model(self, name: str) -> Answer | None:
        """Return the refusal of a model that does not exist."""
        if name in self.models:
            return None
        message = f"The model `{name}` does not exist or you do not have access to it."
        return refusal(404, "model_not_found", message, "invalid_request_error")


def _reply(chat: Chat) -> str:
    return ordinary_answer(prompt_text(chat["messages"][-1:]))


def _takes_hints(model: str) -> bool:
    return model.startswith("gpt-transcribe")


def _heard(text: str, languages: Sequence[str]) -> Answer:
    found = [{"code": language} for language in languages]
    usage = {"type": "duration", "seconds": 3.0}
    return json_answer({"text": text, "languages": found, "usage": usage})


def _recording(found: Sequence[Part]) -> Recording:
    file = next(part for part in found if part.file_name)
    fields = [(part.name, part.data.decode()) for part in found if not part.file_name]
    return Recording(
        file_name=file.file_name,
        content_type=file.content_type,
        data=file.data,
        model=dict(fields)["model"],
        languages=tuple(v for name, v in fields if name in ("languages[]", "languages")),
        keywords=tuple(v for name, v in fields if name in ("keywords[]", "keywords")),
        language=dict(fields).get("language", ""),
        prompt=dict(fields).get("prompt", ""),
    )
