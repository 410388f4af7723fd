"""The same with a mistake: a coordinator that forgets that somebody refused when the next one agrees."""

from charts import CHARTS as CORRECT
from charts import FAULTS, MAY_STAY, PROPERTIES, Coordinator

__all__ = ["CHARTS", "FAULTS", "MAY_STAY", "PROPERTIES"]


class Forgetful(Coordinator):
    """It remembers the last vote only."""

    def vote(self, sender: str = "") -> None:
        super().vote(sender)
        self.is_refused = False


CHARTS = {**CORRECT, "Coordinator": Forgetful}
