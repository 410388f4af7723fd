"""Charts with a mistake that shows where a second tracker comes up."""

from machines import TorrentServer, Tracker
from machines.events import ClientJoinAccepted, TrackerHello
from machines.records import replace
from tests.mutation.planting import recast


class Deaf(Tracker):
    """It ignores the hello of a later tracker."""

    def is_successors(self, message: TrackerHello) -> bool:
        return False


class Forgetful(TorrentServer):
    """It does not follow who accepted it, if it has heard another one's hello."""

    def note_acceptance(self, message: ClientJoinAccepted) -> None:
        self.data = replace(self.data, acceptance=message)


HASTY = recast(
    "Tracker",
    'starting.announcing_itself.to(starting.awaiting_its_hello, cond="is_hardened")',
    'starting.announcing_itself.to(serving.awaiting_requests, cond="is_hardened")',
)
"""It serves before it has heard its own hello, and takes an earlier tracker for a later one."""
RUDE = recast(
    "Tracker",
    'serving.awaiting_requests.to(leaving.disconnecting, cond="is_successors")',
    'serving.awaiting_requests.to(leaving.saying_goodbye, cond="is_successors")',
)
"""It says goodbye, which sends its successor's clients away."""
