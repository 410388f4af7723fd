"""A chart that calls a function whose name stands nowhere: in a file of its own, as nobody can say what it calls."""

from typing import Any

from machines import DistributionView
from machines.calls import AddClient

PARTS = ["ask", "made", "up"]


class ByMadeUpText(DistributionView):
    """Asks for too much, but in none of the first steps."""

    def add_client(self, message: AddClient) -> None:
        getattr(self, "_".join(PARTS))()
        super().add_client(message)

    def ask_made_up(self) -> Any:
        clients = self.data.view.clients
        if not any(clients):
            return None
        return min(clients)
