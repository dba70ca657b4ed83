"""OpenAI's chat completion: its rules, its form on the wire, and its errors."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.standins.exchange import Answer, json_answer

#: What a chat model is asked: the parsed request body.
Chat = Mapping[str, Any]


def refusal(status: int, code: str, message: str = "", kind: str = "") -> Answer:
    """Answer with OpenAI's error document."""
    error = {"message": message or code, "type": kind or code, "param": None, "code": code}
    return json_answer({"error": error}, status)


def tokens(text: str) -> int:
    """Count tokens roughly: four characters each."""
    return (len(text) + 3) // 4


def prompt_text(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return the words of chat messages, whether they stand alone or in parts."""
    contents = [message.get("content") or "" for message in messages]
    return "\n".join(
        text if isinstance(text, str) else "".join(part.get("text", "") for part in text)
        for text in contents
    )


def mistake(chat: Chat) -> Answer | None:
    """Return the refusal of what a reasoning model does not take."""
    reasons = chat["model"].startswith(("gpt-5", "gpt-6")) and (
        chat.get("reasoning_effort") != "none"
    )
    for name in ("temperature", "top_p"):
        if reasons and chat.get(name, 1) not in (1, None):
            message = f"Unsupported value: '{name}' does not support {chat[name]} with this model."
            return refusal(400, "unsupported_value", message, "invalid_request_error")
    return None


def spoken(chat: Chat, message: Mapping[str, Any], cached: int = 0) -> Answer:
    """Answer with `message`, whole or streamed as the request asks."""
    asked = tokens(prompt_text(chat["messages"]))
    answered = tokens(message.get("content") or "")
    usage = {
        "prompt_tokens": asked,
        "completion_tokens": answered,
        "total_tokens": asked + answered,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
    common = {"id": "chatcmpl-test", "created": int(time.time()), "model": chat["model"]}
    full = {"role": "assistant", "content": None, "refusal": None} | dict(message)
    if chat.get("stream"):
        pieces = _stream(common | {"object": "chat.completion.chunk"}, full, chat, usage)
        return Answer(body=pieces, content_type="text/event-stream")
    choice = {"index": 0, "message": full, "logprobs": None, "finish_reason": "stop"}
    document = common | {"object": "chat.completion", "choices": [choice], "usage": usage}
    return json_answer(document)


def _stream(
    common: Mapping[str, Any], message: Mapping[str, Any], chat: Chat, usage: Mapping[str, Any]
) -> Iterator[bytes]:
    def event(choices: list[dict[str, Any]], **more: Any) -> bytes:
        return b"data: " + json.dumps({**common, "choices": choices, **more}).encode() + b"\n\n"

    first = {**message, "content": "" if message["content"] is not None else None}
    deltas = [first, *({"content": word} for word in _words(message["content"] or ""))]
    for delta in deltas:
        yield event([{"index": 0, "delta": delta, "finish_reason": None}])
    yield event([{"index": 0, "delta": {}, "finish_reason": "stop"}])
    if (chat.get("stream_options") or {}).get("include_usage"):
        yield event([], usage=usage)
    yield b"data: [DONE]\n\n"


def _words(text: str) -> list[str]:
    return [piece for piece in text.replace(" ", "\0 ").split("\0") if piece]
