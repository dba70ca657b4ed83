"""A turn typed at the terminal, as `ask` and `chat` put it to the clone."""

import asyncio
import time
from typing import TYPE_CHECKING
from uuid import uuid4

from agent.messages import Turn, TurnMessage

if TYPE_CHECKING:
    from agent.clone import Clone
    from agent.messages import Reply
    from agent.settings import Settings


async def one_turn(
    clone: "Clone", settings: "Settings", words: str, contact: str = "terminal"
) -> "Reply":
    """Return the clone's reply to `words`; raises `VendorError` when the model failed."""
    message = TurnMessage(id=uuid4().hex, kind="text", text=words, received_at=time.time())
    turn = Turn(id=message.id, contact=contact, channel="terminal", messages=(message,))
    deadline = asyncio.get_running_loop().time() + settings.turn_seconds
    return await clone.answer(turn, deadline)
