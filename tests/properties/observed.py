"""How the suite's properties see the servers: as the explorer's do, and with what the views hold besides clients."""

from collections.abc import Hashable
from dataclasses import dataclass, replace

from immutabledict import immutabledict

from machines.events import ClientJoinRequested, ClientRegistered, FileInfoPublished, FileMetadata, TrackerHello
from machines.rules import View
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.node import ServerState
from spec.exploration.properties import client_join
from spec.exploration.properties.client_join import ClientSide, TrackerSide
from spec.exploration.properties.language import Implication, Property, after_stabilisation, always, at_each_step
from spec.exploration.properties.steps import Step


@dataclass(frozen=True)
class TrackerSeen(TrackerSide):
    """A tracker server, with its Distribution View."""

    view: View


@dataclass(frozen=True)
class ClientSeen(ClientSide):
    """A torrent server, with its Distribution View."""

    view: View


def side_of(system: ClosedSystem, component: int, state: Hashable, idle: bool) -> TrackerSeen | ClientSeen:
    """How a property sees a component."""
    assert isinstance(state, ServerState)
    side = client_join.side_of(system, component, state, idle)
    if isinstance(side, TrackerSide):
        return TrackerSeen(**vars(side), view=state.knows)
    return ClientSeen(**vars(side), view=state.knows)


@after_stabilisation
def whoever_is_registered_knows_the_trackers_files_and_fragments(
    tracker: TrackerSeen, client: ClientSeen
) -> Implication:
    """The protocol's invariants: all participants share the same Distribution View."""
    same = (client.view.files, client.view.fragments) == (tracker.view.files, tracker.view.fragments)
    return client.is_registered, same


@after_stabilisation
def the_tracker_knows_what_whoever_is_registered_serves_and_stores(
    tracker: TrackerSeen, client: ClientSeen
) -> Implication:
    """What a client was registered with is what it has: its endpoints, and its fragments after the changes."""
    known = tracker.view.clients.get(client.name)
    own = client.view.own
    told = known is not None and (known.endpoints, known.stored_fragments) == (own.endpoints, own.stored_fragments)
    return client.is_registered and client.name in tracker.registered, told


@after_stabilisation
def views_agree_on_what_each_client_serves_and_stores(tracker: TrackerSeen, client: ClientSeen) -> Implication:
    """All participants share the same Distribution View."""
    return client.is_registered, client.view.clients == tracker.view.clients


@always
def nobody_stores_a_fragment_under_other_metadata_than_it_knows(client: ClientSeen) -> Implication:
    """A view that speaks of a fragment that it does not know could not ask to join."""
    return bool(client.view.own.stored_fragments), client.view.own.stored_fragments <= client.view.fragments.keys()


LISTENING = frozenset({"awaiting_answer", "awaiting_registration", "registered"})


@at_each_step
def whoever_hears_of_a_file_adds_it_with_the_metadata_that_it_hears(client: Step) -> Implication:
    """A file that comes into the service becomes known to everybody who listens, and nothing else changes."""
    message, before, then = client.message, client.before, client.after.knows
    if not isinstance(message, FileInfoPublished) or before.where not in LISTENING:
        return False, True
    files = {**before.knows.files, message.hash: FileMetadata(message.size, message.fragment_sequence)}
    return True, then == replace(before.knows, files=immutabledict(files))


@at_each_step
def whoever_hears_of_other_metadata_no_longer_stores_that_fragment(client: Step) -> Implication:
    """What it stores under a hash that the service knows with other metadata is not the service's fragment."""
    message, before, then = client.message, client.before, client.after.knows
    if not isinstance(message, ClientRegistered) or client.after.where != before.where or then == before.knows:
        return False, True
    known, own = before.knows.fragments, before.knows.own.stored_fragments
    kept = {key for key in own if message.added_fragments.get(key, known[key]) == known[key]}
    return bool(own), then.own == replace(before.knows.own, stored_fragments=frozenset(kept))


@at_each_step
def whoever_follows_a_hello_begins_anew(client: Step) -> Implication:
    """A new tracker knows nobody: nothing that an earlier one was told, or was asked, is left to do."""
    message, data = client.message, client.after.client.data
    follows = isinstance(message, TrackerHello) and any(isinstance(one, ClientJoinRequested) for one in client.sent)
    left = [getattr(data, name, None) for name in ("confirmed", "declined", "retried")]
    return follows, not any(left) and getattr(data, "hello", "") == getattr(message, "event_id", "")


OF_DATA: tuple[Property, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Property))
"""Properties about what the views hold; beside the explorer's, which see no more than who is in them."""
