"""Conversations put into a clone's database, for commands that look at them."""

import time

from agent.messages import IncomingMessage, Turn
from app import Application
from channels.inbox import Inbox
from channels.steps import Run
from channels.turns import Turns

NUMBER = "whatsapp:+5511999999999"


def stored_message(
    app: Application,
    message_id: str,
    *,
    address: str = NUMBER,
    channel: str = "whatsapp",
    age: float = 0,
) -> str:
    """Store a message as if it came `age` seconds ago; return its contact's hash."""
    inbox = Inbox(app.database, app.keys, clock=lambda: time.time() - age)
    message = IncomingMessage(
        channel=channel,
        message_id=message_id,
        contact_id=address,
        address=address,
        kind="text",
        text="Oi",
    )
    return inbox.accept(message).contact


def sealed_turn(app: Application, contact: str) -> Turn:
    """Return the turn that the contact's waiting messages make."""
    step = Turns(app.database, 0).next(contact)
    assert isinstance(step, Run)
    return step.turn
