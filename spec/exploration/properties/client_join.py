"""What Client Join promises, property by property; to be read from top to bottom.

*Quiet*: nothing is under way and no timeout is set. *After stabilisation*: quiescent, after faults have ended for good
with a new tracker. Each property's docstring says where in the protocol it comes from. `spec/findings/` shows those
that the protocol as drawn does not keep.
"""

from spec.exploration.model.budget import FaultBudget
from spec.exploration.properties import (
    client_join_clients,
    client_join_second_tracker,
    client_join_tracker,
    client_join_views,
)
from spec.exploration.properties.client_join_sides import (
    ClientSide,
    TrackerSide,
    asks_again,
    has_one_without_rivals,
    has_rivals,
    leave_wills,
    side_of,
)
from spec.exploration.properties.language import (
    Implication,
    Property,
    after_stabilisation,
    always,
    needs,
    property_,
    when_quiescent,
)

__all__ = ["OF_MEMBERSHIP", "PROPERTIES", "ClientSide", "TrackerSide", "side_of"]


# In every state.


@always
def the_tracker_meets_nothing_that_its_charts_call_impossible(tracker: TrackerSide) -> Implication:
    """The decision tables of the charts of `machines`."""
    return tracker.is_online or bool(tracker.broken), not tracker.broken


@always
def no_client_meets_anything_that_its_charts_call_impossible(client: ClientSide) -> Implication:
    """The decision tables of the charts of `machines`."""
    return client.is_online or bool(client.broken), not client.broken


@always
def the_tracker_and_its_view_agree_on_who_is_admitted(tracker: TrackerSide) -> Implication:
    """What a pending admission was promised counts as taken until it is confirmed, has failed or timed out."""
    return tracker.is_online and bool(tracker.pending | tracker.admitted), tracker.pending == tracker.admitted


@always
def every_pending_admission_has_a_timeout(tracker: TrackerSide) -> Implication:
    """The reference diagram, line 35: the tracker sets a timeout before it accepts. Without one an admission would
    never end.
    """
    return tracker.is_online and bool(tracker.pending), tracker.pending <= tracker.timed | tracker.unheard


@always
def the_tracker_times_nobody_but_pending_clients(tracker: TrackerSide, budget: FaultBudget) -> Implication:
    """A timeout of an admission that has ended must not end the next one.

    A tracker that has lost its connection leaves its timeouts to expire; the next admission sets them anew.
    """
    return tracker.is_online and bool(tracker.timed) and not budget.changed, tracker.timed <= tracker.pending


@always
def nobody_is_both_admitted_and_registered(tracker: TrackerSide) -> Implication:
    """A client that asks anew gives up the place it has."""
    return bool(tracker.admitted | tracker.registered), not tracker.admitted & tracker.registered


@always
def the_trackers_view_never_gives_one_endpoint_to_two_clients(tracker: TrackerSide) -> Implication:
    """The protocol's invariants: endpoints of two registered clients never overlap."""
    return len(tracker.admitted | tracker.registered) > 0, not tracker.shared


@always
def whoever_joins_has_a_timeout(client: ClientSide) -> Implication:
    """The reference diagram, line 26: the client sets its timeout before it asks."""
    return client.is_joining, client.is_timed or client.unheard


@always
def whoever_has_joined_or_waits_has_no_timeout(client: ClientSide) -> Implication:
    """A timeout that nobody waits for would end the next attempt."""
    return client.is_registered or client.is_waiting, not client.is_timed


@always
def whoever_counts_itself_as_registered_knows_itself(client: ClientSide) -> Implication:
    """All participants share one Distribution View, and a registered client is part of it."""
    return client.is_registered, client.name in client.knows


@needs(has_rivals)
@always
def two_clients_that_count_themselves_as_registered_never_share_an_endpoint(
    client: ClientSide, other: ClientSide, budget: FaultBudget
) -> Implication:
    """The protocol's invariants: endpoints of two registered clients never overlap.

    Of two trackers each may have one of them, until the new one's hello is heard: what holds then is said of
    stabilisation.
    """
    rivals = client.is_registered and other.name in client.rivals and not budget.changed
    return rivals, not other.is_registered


# Once the bus is quiescent.


@when_quiescent
def every_attempt_ends(client: ClientSide) -> Implication:
    """Client Join ends registered, or waiting for the next TrackerHello (the reference diagram, line 59)."""
    return client.is_online, not client.is_joining


@when_quiescent
def the_tracker_is_back_where_it_serves(tracker: TrackerSide) -> Implication:
    """Alternatives 2 and 4: the tracker forgets the pending client, and goes on."""
    return tracker.is_online, tracker.is_waiting and not tracker.pending


@when_quiescent
def nothing_remains_promised(tracker: TrackerSide) -> Implication:
    """What was promised to a client that never confirmed is free again."""
    return tracker.is_online, not tracker.admitted


@when_quiescent
def whoever_counts_itself_as_registered_is_registered_unless_the_tracker_changed(
    tracker: TrackerSide, client: ClientSide, budget: FaultBudget
) -> Implication:
    """The client counts itself as registered when the tracker has told so (the standard scenario)."""
    same = tracker.is_online and not budget.changed
    return same and client.is_registered, client.name in tracker.registered


@when_quiescent
def whoever_is_registered_counts_itself_as_registered(tracker: TrackerSide, client: ClientSide) -> Implication:
    """A client that has given up is not part of the Distribution Service: no fragment may be given to it."""
    return tracker.is_online and client.name in tracker.registered, client.is_registered


@needs(leave_wills)
@when_quiescent
def whoever_is_gone_without_a_word_is_registered_no_more(tracker: TrackerSide, client: ClientSide) -> Implication:
    """The last will is the ClientGoodbye of the session: a member that dies leaves."""
    return tracker.is_online and client.has_been_online and not client.is_online, client.name not in tracker.registered


@when_quiescent
def nobody_knows_a_client_that_is_not_registered(
    tracker: TrackerSide, client: ClientSide, budget: FaultBudget
) -> Implication:
    """The protocol's invariants: all participants share the same Distribution View."""
    same = tracker.is_online and not budget.changed
    return same and client.is_registered, client.knows <= tracker.registered


@when_quiescent
def everybody_registered_knows_everybody_registered(
    tracker: TrackerSide, client: ClientSide, budget: FaultBudget
) -> Implication:
    """The protocol's invariants: all participants share the same Distribution View."""
    same = tracker.is_online and not budget.changed
    return same and client.is_registered, tracker.registered <= client.knows


@needs(asks_again)
@when_quiescent
def whoever_may_ask_again_is_registered(tracker: TrackerSide, client: ClientSide) -> Implication:
    """As drawn it would wait for the next TrackerHello (the reference diagram, line 59); as a service it asks again.

    So a client that asks again any number of times is registered in the end, whatever is lost, without a new hello.
    """
    return client.is_online and tracker.is_online and client.may_ask_again, client.is_registered


# After stabilisation.


@needs(has_one_without_rivals)
@after_stabilisation
def every_client_without_a_rival_is_registered(tracker: TrackerSide, client: ClientSide) -> Implication:
    """After a failure, in every alternative: when the tracker is replaced, the client runs Client Join again."""
    return client.is_online and tracker.is_online and client.fits and not client.rivals, client.is_registered


@needs(has_rivals)
@after_stabilisation
def of_two_rivals_one_is_registered(client: ClientSide, other: ClientSide) -> Implication:
    """An endpoint conflict keeps one client out, not both."""
    rivals = client.is_online and other.is_online and client.rivals == {other.name} and other.rivals == {client.name}
    return rivals and client.fits and other.fits, client.is_registered or other.is_registered


@needs(has_rivals)
@after_stabilisation
def two_registered_clients_share_no_endpoint(client: ClientSide, other: ClientSide) -> Implication:
    """The protocol's invariants: endpoints of two registered clients never overlap."""
    return client.is_registered and other.name in client.rivals, not other.is_registered


@after_stabilisation
def the_tracker_has_registered_just_those_who_count_themselves_as_registered(
    tracker: TrackerSide, client: ClientSide
) -> Implication:
    """Nobody is registered whom the tracker did not accept in this round, and the other way round."""
    return client.is_online, (client.name in tracker.registered) == client.is_registered


@after_stabilisation
def all_views_agree(tracker: TrackerSide, client: ClientSide) -> Implication:
    """The protocol's invariants: all participants share the same Distribution View."""
    return client.is_registered, client.knows == tracker.registered


@after_stabilisation
def no_view_holds_a_client_that_is_gone(tracker: TrackerSide, client: ClientSide) -> Implication:
    """A new tracker knows nobody but those who have joined it."""
    return not client.is_online, client.name not in tracker.registered


# Of runs.


@property_("termination")
def every_run_terminates_once_nothing_goes_wrong() -> Implication:
    """Client Join ends (the reference diagram, lines 57 to 62); what is said above of quiescent states is said of how
    every run ends.
    """
    return True, True


OF_MEMBERSHIP: tuple[Property, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Property))
"""Those about who is admitted and who is registered, in the order in which they stand here."""
PROPERTIES: tuple[Property, ...] = (
    *OF_MEMBERSHIP,
    *client_join_views.PROPERTIES,
    *client_join_tracker.PROPERTIES,
    *client_join_clients.PROPERTIES,
    *client_join_second_tracker.PROPERTIES,
)
"""All of them: then come those about what views hold, those about single steps, and those about a second tracker."""
