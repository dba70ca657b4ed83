"""Who a message comes from: the one contact behind a person's own id and their number."""

from dataclasses import dataclass
from typing import Any

from agent.keys import Keys
from agent.messages import IncomingMessage


@dataclass(frozen=True, slots=True)
class Known:
    """A contact, and whether they asked to be left alone."""

    contact: str
    opted_out: bool


class Identities:
    """Recognises contacts and remembers new ones, inside the inbox's transactions.

    A channel may know a person by an id that stays theirs and by a number that may pass to
    somebody else (WhatsApp: `ExternalUserId` and `From`). Who is known by number only is
    recognised when their own id first comes with it; a number that comes with the id of another
    person brings nothing of its former owner.
    """

    def __init__(self, queries: Any, keys: Keys) -> None:
        self._queries = queries
        self._keys = keys

    def recognise(self, connection: Any, message: IncomingMessage, now: float) -> Known:
        """Return whose message it is, their row held until the transaction ends."""
        own = self._keys.contact(message.channel, message.contact_id)
        number = self._keys.contact(message.channel, message.address)
        rows = self._queries.identities_of(connection, account=own, number=number)
        found = {row["id"]: (row["contact"], row["kind"]) for row in rows}
        contact = self._contact(connection, own, number, found)
        row = self._queries.remember_contact(
            connection,
            contact=contact,
            channel=message.channel,
            address=message.address,
            now=now,
        )
        wanted = {number: "number"} if own == number else {own: "account", number: "number"}
        for id_, kind in wanted.items():
            if found.get(id_) not in ((contact, kind), (contact, "account")):
                self._queries.know(connection, id=id_, contact=contact, kind=kind)
        return Known(contact, opted_out=row["opted_out_at"] is not None)

    def _contact(
        self, connection: Any, own: str, number: str, found: dict[str, tuple[str, str]]
    ) -> str:
        if own in found:
            return found[own][0]
        if number in found:
            contact = found[number][0]
            if not self._queries.has_other_account(connection, contact=contact, id=own):
                return contact
        return own
