"""The same with a mistake: a coordinator that forgets that somebody refused when the next one agrees."""

from charts import CHARTS as CORRECT
from charts import CLAIMS, FAULTS, RESTS, Coordinator

__all__ = ["CHARTS", "CLAIMS", "FAULTS", "RESTS"]


class Forgetful(Coordinator):
    """It remembers the last vote only."""

    def vote(self, sender: str = "") -> None:
        super().vote(sender)
        self.is_refused = False


CHARTS = {**CORRECT, "Coordinator": Forgetful}
