"""What Client Join promises of what Distribution Views hold, property by property; to be read from top to bottom.

The protocol's invariants say that all participants share one Distribution View: who is registered, with which endpoints
and stored fragments, and which files and fragments there are, with their metadata. "A file or fragment that the client
knows with other metadata than the tracker's is to be removed and replaced by the tracker's; one that only the client
knows is added to the service when the client is registered; one that only the tracker knows is to be added by the
client" (the protocol, "When the tracker decides").
"""

from spec.exploration.model.budget import FaultBudget
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.properties.client_join_sides import (
    ClientSide,
    TrackerSide,
    bring_files,
    can_several_join,
    happens,
    has_one_without_rivals,
    have_a_second_tracker,
    have_several,
    loses_nothing,
    name_requests,
)
from spec.exploration.properties.language import (
    Implication,
    Property,
    after_stabilisation,
    always,
    needs,
    when_quiescent,
)

# In every state.


@always
def the_tracker_gives_nobody_other_endpoints_than_it_offers(tracker: TrackerSide, client: ClientSide) -> Implication:
    """ClientMetadata: the endpoints of a registered client are those of its request."""
    known = [endpoints for name, endpoints, _ in tracker.holds.clients if name == client.name]
    return bool(known), all(endpoints == client.offers for endpoints in known)


@needs(can_several_join)
@always
def no_client_gives_another_one_other_endpoints_than_it_offers(client: ClientSide, other: ClientSide) -> Implication:
    """ClientMetadata: the endpoints of a registered client are those of its request."""
    known = [endpoints for name, endpoints, _ in client.holds.clients if name == other.name]
    return bool(known), all(endpoints == other.offers for endpoints in known)


@needs(bring_files)
@always
def nothing_that_a_registered_client_brought_is_missing_at_the_tracker(
    tracker: TrackerSide, client: ClientSide
) -> Implication:
    """What only the client knows is added to the service when the client is registered."""
    return client.name in tracker.registered, client.brought <= tracker.holds.hashes


def _keeps_its_store(system: ClosedSystem) -> bool:
    return bring_files(system) and not happens("wipe tracker")(system) and not have_a_second_tracker(system)


@needs(_keeps_its_store)
@always
def what_a_client_brought_that_counts_itself_as_registered_is_in_the_trackers_store(
    tracker: TrackerSide, client: ClientSide
) -> Implication:
    """Nothing acknowledged is lost: what was registered outlives every crash of the tracker.

    Each of two trackers has a store of its own: what holds then is said in `client_join_second_tracker`.
    """
    return tracker.keeps_store and tracker.is_alone and client.is_registered, client.brought <= tracker.holds.hashes


@needs(bring_files)
@always
def what_the_tracker_says_is_stored_is_known_to_it(tracker: TrackerSide) -> Implication:
    """ClientMetadata names stored fragments by their hashes; their metadata has to be known."""
    stored = {key for _, _, keys in tracker.holds.clients for key in keys}
    return bool(stored), stored <= {key for key, _ in tracker.holds.fragments}


@needs(bring_files)
@always
def what_a_client_stores_is_known_to_it(client: ClientSide) -> Implication:
    """FragmentMetadata: a request tells it of every stored fragment."""
    return bool(client.stores), not client.unknown


@needs(bring_files)
@always
def every_file_that_a_registered_client_knows_has_known_fragments(
    client: ClientSide, budget: FaultBudget
) -> Implication:
    """FileMetadata: the fragments of a file are registered with it, or before it. After a tracker that lost its view
    a client tells of files, but not of the fragments that it does not store.
    """
    sequences = {key for _, file in client.holds.files for key in file.fragment_sequence}
    return client.is_registered and not budget.changed, sequences <= {key for key, _ in client.holds.fragments}


# Once the bus is quiescent.


@needs(bring_files)
@when_quiescent
def a_registered_client_stores_fragments_with_the_services_metadata(
    tracker: TrackerSide, client: ClientSide, budget: FaultBudget
) -> Implication:
    """A fragment that the client knows with other metadata than the tracker's is replaced by the tracker's."""
    same = tracker.is_online and not budget.changed
    return same and client.is_registered and client.name in tracker.registered, client.stores <= tracker.holds.fragments


@needs(bring_files)
@when_quiescent
def the_tracker_knows_what_each_registered_client_stores(
    tracker: TrackerSide, client: ClientSide, budget: FaultBudget
) -> Implication:
    """A Distribution View says which fragments lie on which actor."""
    same = tracker.is_online and not budget.changed and client.is_registered and client.name in tracker.registered
    return same, tracker.holds.stored_by(client.name) == {key for key, _ in client.stores}


@needs(have_several)
@needs(bring_files)
@when_quiescent
def nothing_that_a_registered_client_brought_is_missing_at_another(
    tracker: TrackerSide, client: ClientSide, other: ClientSide, budget: FaultBudget
) -> Implication:
    """Each registered client adds the new client's fragments and new files to its own view."""
    same = tracker.is_online and not budget.changed and client.is_registered
    return same and other.name in tracker.registered & client.knows, other.brought <= client.holds.hashes


@needs(name_requests)
@when_quiescent
def a_registered_client_took_the_answer_to_its_latest_request(
    tracker: TrackerSide, client: ClientSide, budget: FaultBudget
) -> Implication:
    """What the optional property RequestId is for: the registration is for the request that was made last."""
    same = tracker.is_online and not budget.changed and client.is_registered and client.name in tracker.registered
    return same, (client.name, client.request) in tracker.named


@needs(loses_nothing)
@needs(has_one_without_rivals)
@when_quiescent
def where_nothing_is_lost_every_client_without_a_conflict_is_registered(
    tracker: TrackerSide, client: ClientSide
) -> Implication:
    """The standard course: every request is answered, and every acceptance confirmed."""
    free = client.fits and not client.rivals
    return tracker.hears_all and tracker.is_online and client.is_online and free, client.is_registered


# After stabilisation.


@after_stabilisation
def whoever_is_in_two_views_has_the_same_endpoints_and_fragments_in_both(
    tracker: TrackerSide, client: ClientSide
) -> Implication:
    """The protocol's invariants: all participants share the same Distribution View. Who is in a view is said by `all
    views agree`.
    """
    both = {one for one in tracker.holds.clients ^ client.holds.clients if one[0] in tracker.registered & client.knows}
    return bool(tracker.registered & client.knows), not both


@needs(bring_files)
@after_stabilisation
def all_views_hold_the_same_files_and_fragments_with_the_same_metadata(
    tracker: TrackerSide, client: ClientSide
) -> Implication:
    """The protocol's invariants: all participants share the same Distribution View."""
    same = client.holds.files == tracker.holds.files and client.holds.fragments == tracker.holds.fragments
    return tracker.is_online and client.is_registered, same


PROPERTIES: tuple[Property, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Property))
"""All of them, in the order in which they stand here."""
