"""When something put off may happen, on a clock that people and machines set."""

#: WhatsApp takes free words for a day after the contact's last message, and old news help nobody.
HELD_SECONDS = 24 * 3600


def seconds_until(due_at: float, noted_at: float, now: float) -> float:
    """Return how long to wait for `due_at`, decided at `noted_at`; 0 when it is due.

    A clock that shows less than when it was decided was set back: nobody waits for it to catch up.
    """
    return 0.0 if now < noted_at else max(0.0, due_at - now)
