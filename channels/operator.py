"""Tells the operator what happened, and remembers of hand-overs that they know."""

from channels.alerts import Alerts
from channels.delivery import Store
from channels.turns import Turns


class Operator:
    """Behind a hand-over waits a person: one that could not be told is told by a later worker."""

    def __init__(self, alerts: Alerts, turns: Turns, store: Store) -> None:
        self._alerts = alerts
        self._turns = turns
        self._store = store

    async def tell(self, action: str, subject: str) -> None:
        """Tell about an event; `subject` is the id of a turn or of a part."""
        if await self._alerts.send(action, subject) and action == "hand_over":
            await self._store(self._turns.hand_over_told, subject)

    async def tell_what_is_untold(self) -> None:
        """Tell of the hand-overs of the last day that an earlier worker could not tell."""
        for turn_id in await self._store(self._turns.hand_overs_untold):
            await self.tell("hand_over", turn_id)
