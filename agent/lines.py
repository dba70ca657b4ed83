"""The steps that say a fixed line of the persona, where no model is asked or none found words."""

from typing import Any

from agent.conversation import history, last_reply
from agent.services import Services
from agent.state import State
from prompts.persona import Lines


class FixedLines:
    """Nodes whose words the owner wrote; what they say needs no guard."""

    def __init__(self, services: Services) -> None:
        self._persona = services.persona

    async def disclose(self, state: State) -> dict[str, Any]:
        """Tell the truth about what the clone is; no model has a say in it."""
        return {**self._line(state, *self._lines(state).about_clone), "disclosed": "ai"}

    async def hand_over(self, state: State) -> dict[str, Any]:
        """Say that the operator is told that the person themselves is wanted."""
        return self._line(state, self._lines(state).hand_over)

    async def no_hand_over(self, state: State) -> dict[str, Any]:
        """Say kindly that nobody can be reached from here."""
        return self._line(state, self._lines(state).no_hand_over)

    async def acknowledge(self, state: State) -> dict[str, Any]:
        """Meet conversation with a kind line of its kind, where the model found no words."""
        lines = self._lines(state)
        fitting = {
            "greeting": lines.greeting,
            "thanks": lines.thanks,
            "laughter": lines.laughter,
            "farewell": lines.farewell,
            "abilities": lines.abilities,
            "agreement": lines.agreement,
            "recall": (lines.nothing_to_recall,),
        }
        return self._line(state, *fitting.get(state["intent"], lines.statement))

    async def abstain(self, state: State) -> dict[str, Any]:
        """Say that the answer is not known."""
        return self._line(state, *self._lines(state).dont_know)

    async def admit_no_documents(self, state: State) -> dict[str, Any]:
        """Say that there is nothing to go by yet."""
        return self._line(state, self._lines(state).no_documents)

    async def decline_recording(self, state: State) -> dict[str, Any]:
        """Say kindly that this clone does not hear."""
        return self._line(state, self._lines(state).hearing_off)

    async def ask_to_repeat(self, state: State) -> dict[str, Any]:
        """Say that the recording held no words."""
        return self._line(state, self._lines(state).could_not_hear)

    async def decline_length(self, state: State) -> dict[str, Any]:
        """Say that the recording is longer than can be heard."""
        return self._line(state, self._lines(state).recording_too_long)

    async def ask_to_write(self, state: State) -> dict[str, Any]:
        """Say that the recording could not be heard, through no fault of the contact's."""
        return self._line(state, self._lines(state).hearing_failed)

    async def point_to_stop(self, state: State) -> dict[str, Any]:
        """Tell a contact who said that they want to leave how it is done: in writing."""
        return self._line(state, self._lines(state).stop_in_writing)

    async def turn_voice_on(self, state: State) -> dict[str, Any]:
        """Confirm that the contact is answered by voice from now on."""
        return self._line(state, self._lines(state).voice_on)

    async def turn_voice_off(self, state: State) -> dict[str, Any]:
        """Confirm that the contact is answered in writing from now on."""
        return self._line(state, self._lines(state).voice_off)

    async def decline_voice(self, state: State) -> dict[str, Any]:
        """Say kindly that this clone only writes."""
        return self._line(state, self._lines(state).voice_unavailable)

    async def decline_kind(self, state: State) -> dict[str, Any]:
        """Say kindly that this kind of message cannot be taken in."""
        return self._line(state, self._lines(state).cannot_take)

    def _lines(self, state: State) -> Lines:
        return self._persona.lines_in(state["language"])

    def _line(self, state: State, *fitting: str) -> dict[str, Any]:
        """Say one of the persona's fitting lines: where there is a choice, not the last one."""
        before = history(state["messages"], state["message_ids"])
        last = last_reply(before)
        fresh = [line for line in fitting if line not in last] or fitting
        return {"reply": fresh[len(before) // 2 % len(fresh)], "cited": [], "author": ""}
