"""What Client Join promises of runs; asked on request, since the whole graph is searched for it, without reductions.

*Leads to*: whenever the first holds, the second holds then or later, in every fair run (`spec.exploration.fairness`).
*Eventually*: some day, from the beginning of every fair run.
"""

from spec.exploration.properties.client_join import ClientSide, TrackerSide
from spec.exploration.properties.language import Implication, Property, eventually, leads_to


@leads_to
def every_attempt_to_join_comes_to_an_end(client: ClientSide) -> Implication:
    """The reference diagram, lines 26 and 56: a client waits for its answer no longer than its timeout."""
    return client.is_joining, not client.is_joining


@leads_to
def every_admission_comes_to_an_end(tracker: TrackerSide, client: ClientSide) -> Implication:
    """The reference diagram, lines 35 and 55: an admission is confirmed, fails, or is timed out."""
    pending = tracker.is_online and client.name in tracker.pending
    return pending, not pending


@eventually
def every_client_is_registered_some_day(client: ClientSide) -> Implication:
    """What the use case is for. Where messages are lost, or timeouts expire early, nothing promises it."""
    return True, client.is_registered


RUN_PROPERTIES: tuple[Property, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Property))
"""All of them, in the order in which they stand here."""
