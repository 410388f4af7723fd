"""What Client Join promises where a second tracker can come up, property by property.

The protocol as drawn knows one tracker. Of two that are hardened, the one whose hello the broker passed on later stays
(`SecondTracker_*` in `spec/diagrams`): the other one steps down, and nobody follows it any more. All other properties
say of the one that serves what they say of the tracker (`spec.exploration.properties.language`).
"""

from typing import Any

from machines.events import ClientJoinAccepted, ClientRegistered, TrackerGoodbye, TrackerHello
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.node import ServerState
from spec.exploration.model.second_tracker import STEPPED_DOWN
from spec.exploration.properties.client_join_sides import (
    ClientSide,
    TrackerSide,
    bring_files,
    happens,
    have_a_second_tracker,
    hear_each_other,
    loses_nothing,
    name_requests,
)
from spec.exploration.properties.client_join_tracker import SERVING
from spec.exploration.properties.language import (
    Implication,
    Property,
    after_stabilisation,
    always,
    at_each_step,
    needs,
    when_quiescent,
)
from spec.exploration.properties.steps import Step

FOLLOWING = frozenset({"awaiting_answer", "awaiting_registration", "awaiting_timeout", "registered"})
"""Where a torrent server heeds what a tracker says of its members, or that it leaves."""


def _keep_their_stores(system: ClosedSystem) -> bool:
    return have_a_second_tracker(system) and bring_files(system) and not happens("wipe tracker")(system)


def _are_hardened(system: ClosedSystem) -> bool:
    return hear_each_other(system) and name_requests(system)


def _session(state: ServerState) -> str:
    data: Any = state.client.data
    session: str = data.session
    return session


def _followed(state: ServerState) -> str:
    data: Any = state.client.data
    tracker: str = data.tracker
    return tracker


def _is_hardened(client: Step) -> bool:
    return _session(client.before) != ""


def _lose_nothing(system: ClosedSystem) -> bool:
    return have_a_second_tracker(system) and loses_nothing(system)


def _hear_all(system: ClosedSystem) -> bool:
    return hear_each_other(system) and loses_nothing(system)


# In every state.


@needs(_keep_their_stores)
@always
def what_a_client_brought_that_counts_itself_as_registered_is_in_the_store_of_a_tracker(
    tracker: TrackerSide, other_tracker: TrackerSide, client: ClientSide
) -> Implication:
    """Nothing acknowledged is lost: what was registered is stored by the tracker that registered it, whichever that
    is. Each has a store of its own.
    """
    brought = client.brought
    return (
        tracker.keeps_store and client.is_registered,
        brought <= tracker.holds.hashes or brought <= other_tracker.holds.hashes,
    )


@needs(hear_each_other)
@always
def whoever_steps_down_leaves_a_tracker_that_does_not(tracker: TrackerSide, other_tracker: TrackerSide) -> Implication:
    """Second tracker: it steps down for the other one, which stays. Who is stopped, or crashes, can be started
    again.
    """
    return tracker.has_stepped_down, other_tracker.has_come_up and not other_tracker.has_stepped_down


# Of each step.


@needs(hear_each_other)
@at_each_step
def a_tracker_steps_down_when_it_hears_a_later_one_and_only_then(tracker: Step) -> Implication:
    """Second tracker: it disconnects without a goodbye, which its successor's clients need not hear. What comes before
    its own hello is an earlier one's.
    """
    message, before, after = tracker.message, tracker.before, tracker.after
    if not isinstance(message, TrackerHello) or before.where not in SERVING:
        return False, True
    stepped_down = after.where == "offline" and after.life == STEPPED_DOWN
    is_later = message.session != _session(before)
    return True, not tracker.sent and (stepped_down if is_later else after.where == before.where)


@needs(hear_each_other)
@at_each_step
def a_tracker_serves_from_its_own_hello_on(tracker: Step) -> Implication:
    """Second tracker: what the broker passes on before that is for an earlier tracker, and nobody is told anything."""
    message, before, after = tracker.message, tracker.before, tracker.after
    if before.where != "awaiting_its_hello" or tracker.kind != "read":
        return False, True
    begins = isinstance(message, TrackerHello) and message.session == _session(before)
    return True, not tracker.sent and after.where == ("awaiting_requests" if begins else before.where)


@needs(_are_hardened)
@at_each_step
def whoever_says_hello_or_accepts_a_client_is_followed(client: Step) -> Implication:
    """Second tracker: a client follows whose hello it heard last, or who has accepted it since."""
    message, after = client.message, client.after
    is_hello = isinstance(message, TrackerHello) and after.where == "awaiting_answer"
    is_answer = isinstance(message, ClientJoinAccepted) and after.where != client.before.where
    told = message.session if isinstance(message, TrackerHello | ClientJoinAccepted) else ""
    return _is_hardened(client) and (is_hello or is_answer), _followed(after) == told


@needs(_are_hardened)
@at_each_step
def whoever_follows_one_tracker_skips_what_another_says_of_its_members(client: Step) -> Implication:
    """Second tracker: whom an older tracker registers is no member of the newer one, and its goodbye ends nothing."""
    message, before, after = client.message, client.before, client.after
    if not isinstance(message, ClientRegistered | TrackerGoodbye) or before.where not in FOLLOWING:
        return False, True
    is_foreign = _is_hardened(client) and message.session not in {"", _followed(before)}
    return is_foreign, after == before and not client.sent


# Once the bus is quiescent.


@needs(_hear_all)
@when_quiescent
def where_nothing_is_lost_every_tracker_hears_its_own_hello(tracker: TrackerSide) -> Implication:
    """Second tracker: whoever comes up serves, until a later one does."""
    return tracker.hears_all and tracker.has_come_up, not tracker.awaits_its_hello


@needs(_lose_nothing)
@when_quiescent
def where_nothing_is_lost_no_two_trackers_serve(tracker: TrackerSide, other_tracker: TrackerSide) -> Implication:
    """Second tracker: of two, the one whose hello the broker passed on later is the tracker of the service."""
    both = tracker.hears_all and tracker.has_come_up and other_tracker.has_come_up
    return both and tracker.is_online, not other_tracker.is_online


@needs(_lose_nothing)
@when_quiescent
def where_nothing_is_lost_whoever_counts_itself_as_registered_is_registered_at_the_tracker_that_serves(
    tracker: TrackerSide, client: ClientSide
) -> Implication:
    """After a failure, in every alternative: TrackerHello makes the client run Client Join again, with whose it is."""
    return tracker.hears_all and client.is_registered, client.name in tracker.registered


@needs(_lose_nothing)
@when_quiescent
def where_nothing_is_lost_all_views_agree_with_the_tracker_that_serves(
    tracker: TrackerSide, client: ClientSide
) -> Implication:
    """The protocol's invariants: all participants share the same Distribution View."""
    return tracker.hears_all and client.is_registered, client.knows == tracker.registered


# After stabilisation.


@needs(have_a_second_tracker)
@after_stabilisation
def no_two_trackers_serve(tracker: TrackerSide, other_tracker: TrackerSide) -> Implication:
    """Second tracker: of two, the one whose hello the broker passed on later is the tracker of the service."""
    return tracker.is_online and other_tracker.has_come_up, not other_tracker.is_online


PROPERTIES: tuple[Property, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Property))
"""All of them, in the order in which they stand here."""
