"""The operator's end of CLONE_ALERT_URL, on loopback."""

from tests.standins.exchange import json_answer
from tests.standins.server import StandIn


class Operator(StandIn):
    """Where the operator is told what they should know."""

    def __init__(self) -> None:
        super().__init__()
        self.route("POST", "/alerts", "alert", lambda _request: json_answer({}))

    @property
    def address(self) -> str:
        """What CLONE_ALERT_URL is set to."""
        return f"{self.url}/alerts"

    @property
    def alerts(self) -> list[dict[str, object]]:
        """Everything told so far."""
        return [request.json() for request in self.requests("alert")]
