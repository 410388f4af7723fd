"""What Client Join promises of each step of a torrent server, property by property; to be read from top to bottom.

A step is what it does with one event that it reads, with one expiry or with one order, until it waits again
(`spec.exploration.properties.steps`).
"""

from typing import Any

from machines.calls import TimeoutExceeded
from machines.events import (
    ClientGoodbye,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientJoinFailed,
    ClientJoinRequested,
    ClientJoinSucceeded,
    ClientRegistered,
    TrackerGoodbye,
    TrackerHello,
)
from machines.rules import View
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.wills import LATE
from spec.exploration.properties.client_join_sides import (
    can_be_denied,
    ends,
    happens,
    have_several,
    is_gone,
    name_requests,
    say_goodbye,
)
from spec.exploration.properties.language import Implication, Property, at_each_step, needs
from spec.exploration.properties.steps import Step

WAITING = frozenset({"awaiting_answer", "awaiting_registration", "awaiting_timeout"})
"""Where a client that joins waits for something."""
GAVE_UP = frozenset({"awaiting_hello", "awaiting_retry"})
"""Where the procedure has failed: it waits for the next TrackerHello, or until it asks again."""
LISTENING = frozenset({"awaiting_answer", "awaiting_registration", "registered"})
"""Where a client takes news of others."""


def _is_of_earlier(client: Step, message: Any) -> bool:
    """Whether an event names another request than the client's latest."""
    latest = getattr(client.before.client.data, "request_id", "")
    return "" not in {message.request_id, latest} and message.request_id != latest


def _is_of_another(client: Step, message: Any) -> bool:
    """Whether a tracker says it that names itself, and that a client which is hardened does not follow."""
    data: Any = client.before.client.data
    return getattr(data, "session", "") != "" and message.session not in {"", data.tracker}


def _answered(client: Step, *kinds: type[Any]) -> Any:
    """What a client reads as the answer to its latest request, if it awaits one."""
    message: Any = client.message
    mine = isinstance(message, kinds) and message.client == client.name and client.before.where == "awaiting_answer"
    return message if mine and not _is_of_earlier(client, message) else None


def _news(client: Step, kind: type[Any]) -> Any:
    """What a client reads of another one, where it takes news."""
    message: Any = client.message
    listens = isinstance(message, kind) and client.before.where in LISTENING
    return message if listens and message.client != client.name else None


# It asks.


@at_each_step
def a_request_tells_all_that_the_client_knows_and_stores(client: Step) -> Implication:
    """KnownFileInfos, StoredFragments, Endpoints, FragmentSize and HashAlgorithm of a request are those of its view."""
    view = client.before.knows if client.kind == "publish" else client.after.knows
    own, stored = view.own, view.own.stored_fragments
    told = [one for one in client.sent if isinstance(one, ClientJoinRequested)]
    return bool(told), all(
        (one.client, one.hash_algorithm, one.fragment_size) == (client.name, view.hash_algorithm, view.fragment_size)
        and one.endpoints == own.endpoints == client.node.initial.knows.own.endpoints
        and dict(one.known_file_infos) == dict(view.files)
        and dict(one.stored_fragments) == {key: view.fragments.get(key) for key in stored}
        for one in told
    )


@at_each_step
def whoever_hears_a_tracker_begin_asks_to_join_it(client: Step) -> Implication:
    """After a failure, in every alternative: TrackerHello makes the client run Client Join again."""
    message, before = client.message, client.before
    known = getattr(before.client.data, "hello", "")
    begins = isinstance(message, TrackerHello) and not (message.event_id and message.event_id == known)
    hears = begins and before.where in {*WAITING, *GAVE_UP, "registered"}
    return hears, [type(one) for one in client.sent] == [ClientJoinRequested]


@needs(happens("duplicates"))
@at_each_step
def a_hello_that_is_delivered_twice_is_followed_once(client: Step) -> Implication:
    """EventId is for spotting duplicates (QoS 1)."""
    message = client.message
    known = getattr(client.before.client.data, "hello", "")
    again = isinstance(message, TrackerHello) and message.event_id != "" and message.event_id == known
    return again, not client.sent and client.after.where == client.before.where


# It is answered.


@at_each_step
def whoever_is_accepted_changes_its_view_just_as_it_was_asked_to(client: Step) -> Implication:
    """It removes what is in conflict, adds what it did not know, and publishes ClientJoinSucceeded; if its view cannot
    be changed, ClientJoinFailed.
    """
    accepted: ClientJoinAccepted | None = _answered(client, ClientJoinAccepted)
    if accepted is None or accepted.client != client.name:
        return False, True
    before, then = client.before.knows, client.after.knows
    kinds = [type(one) for one in client.sent]
    named = all(getattr(one, "client", "") == client.name for one in client.sent)
    latest = getattr(client.before.client.data, "request_id", "")
    named &= all(getattr(one, "request_id", "") == latest for one in client.sent)
    if kinds == [ClientJoinFailed]:
        fails = before.storage != "sound" or before.fragment_size not in {None, accepted.fragment_size}
        return True, named and fails and _content(then) == _content(before)
    return True, kinds == [ClientJoinSucceeded] and named and _content(then) == _changed(before, accepted)


def _content(view: View) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], frozenset[str]]:
    return dict(view.files), dict(view.fragments), dict(view.clients), view.own.stored_fragments


def _changed(view: View, accepted: ClientJoinAccepted) -> tuple[Any, ...]:
    """What a view has to hold after an acceptance. Of fragments, it keeps those that are stored here."""
    stored = view.own.stored_fragments - accepted.remove_fragment_infos
    files = {key: one for key, one in view.files.items() if key not in accepted.remove_file_infos}
    fragments = {key: one for key, one in view.fragments.items() if key in stored}
    clients = {name: info for name, info in accepted.clients.items() if not is_gone(view, name, info.request_id)}
    return {**files, **accepted.add_file_infos}, {**fragments, **accepted.add_fragment_infos}, clients, stored


@needs(can_be_denied)
@at_each_step
def whoever_is_denied_waits_for_the_next_hello(client: Step) -> Implication:
    """Alternative 3: the procedure failed, it waits for the next TrackerHello."""
    denied = _answered(client, ClientJoinDenied)
    same = _content(client.after.knows) == _content(client.before.knows)
    return denied is not None, client.after.where in GAVE_UP and not client.sent and same


@at_each_step
def only_an_answer_to_itself_makes_a_client_go_on(client: Step) -> Implication:
    """Accepted and denied events reach every torrent server; each acts on those that name it."""
    message = client.message
    answer = isinstance(message, ClientJoinAccepted | ClientJoinDenied)
    goes_on = client.after._replace(late=()) != client.before._replace(late=()) or bool(client.sent)
    mine = getattr(message, "client", "") == client.name and client.before.where == "awaiting_answer"
    return answer and goes_on, mine


@needs(name_requests)
@at_each_step
def nobody_takes_an_answer_to_an_earlier_request(client: Step) -> Implication:
    """RequestId: nothing that names an earlier request is taken for the answer to the latest."""
    message: Any = client.message
    kinds = (ClientJoinAccepted, ClientJoinDenied, ClientRegistered)
    mine = isinstance(message, kinds) and message.client == client.name and client.before.where in WAITING
    earlier = mine and _is_of_earlier(client, message)
    return earlier, client.after.where == client.before.where and not client.sent


@at_each_step
def nobody_counts_itself_as_registered_before_it_has_heard_so(client: Step) -> Implication:
    """The standard course: ClientRegistered reaches the client."""
    joined = client.after.where == "registered" and client.before.where != "registered"
    message = client.message
    told = isinstance(message, ClientRegistered) and message.client == client.name
    return joined, told and client.before.where == "awaiting_registration"


@at_each_step
def whoever_hears_that_it_is_registered_enters_itself_into_its_view(client: Step) -> Implication:
    """Each participant adds the new client, its endpoints, fragments and new files to its own view."""
    message = client.message
    mine = isinstance(message, ClientRegistered) and message.client == client.name
    if not isinstance(message, ClientRegistered) or not mine or client.before.where != "awaiting_registration":
        return False, True
    if _is_of_earlier(client, message) or _is_of_another(client, message):
        return False, True
    return True, client.after.where == "registered" and _has_added(client, message)


# It hears of others.


@needs(have_several)
@at_each_step
def whoever_hears_of_a_registration_adds_the_client_and_all_that_it_brought(client: Step) -> Implication:
    """Each registered client adds the new client, its endpoints, fragments and new files to its own view."""
    message: ClientRegistered | None = _news(client, ClientRegistered)
    if message is None or _is_of_another(client, message):
        return False, True
    return True, client.after.where == client.before.where and _has_added(client, message)


def _has_added(client: Step, message: ClientRegistered) -> bool:
    """Whether a view holds what a registration tells, and of the others what it held. While the client awaits an
    acceptance it does not matter who is in its view: the acceptance says that anew.
    """
    before, then = client.before.knows, client.after.knows
    gone = is_gone(before, message.client, message.request_id)
    clients = {**before.clients} if gone else {**before.clients, message.client: message.info}
    return (
        (client.before.where == "awaiting_answer" or dict(then.clients) == clients)
        and dict(then.files) == {**before.files, **message.added_files}
        and dict(then.fragments) == {**before.fragments, **message.added_fragments}
        and then.own.endpoints == before.own.endpoints
    )


@needs(have_several)
@needs(say_goodbye)
@at_each_step
def whoever_hears_a_goodbye_removes_that_client_and_nobody_else(client: Step) -> Implication:
    """Client goodbye: the other registered clients remove it from their views. What it brought stays known."""
    message: ClientGoodbye | None = _news(client, ClientGoodbye)
    if message is None or _is_of_earlier_session(client, message):
        return False, True
    before, then = client.before.knows, client.after.knows
    clients = {name: info for name, info in before.clients.items() if name != message.client}
    same = (dict(then.files), dict(then.fragments)) == (dict(before.files), dict(before.fragments))
    same &= client.before.where == "awaiting_answer" or dict(then.clients) == clients
    return True, same and client.after.where == client.before.where


def _is_of_earlier_session(client: Step, message: ClientGoodbye) -> bool:
    """Whether it is a will for another session than that of the registration that a client's view holds."""
    info = client.before.knows.clients.get(message.client)
    return info is not None and not ends(message, info)


@needs(have_several)
@needs(happens(LATE))
@at_each_step
def a_late_will_takes_nobody_out_of_a_view_whose_owner_is_back(client: Step) -> Implication:
    """Session of ClientGoodbye: it speaks of who was registered in that session, and of nobody else."""
    message: ClientGoodbye | None = _news(client, ClientGoodbye)
    if message is None or not _is_of_earlier_session(client, message):
        return False, True
    same = client.before.where == "awaiting_answer" or client.after.knows.clients == client.before.knows.clients
    return True, same and client.after.where == client.before.where


# It gives up, or leaves.


def _is_late(system: ClosedSystem) -> bool:
    return any(getattr(node, "late_expiries", False) for node in system.nodes)


def _heard(client: Step) -> TimeoutExceeded | None:
    """The expiry that its MQTT client hears of in a step."""
    late = client.node.late_expiries
    heard = isinstance(client.message, TimeoutExceeded) and (
        not late or len(client.before.late) > len(client.after.late)
    )
    return client.message if heard and isinstance(client.message, TimeoutExceeded) else None


def _is_latest(client: Step, message: TimeoutExceeded) -> bool:
    """Whether it is of the timeout that was set last; while another one is running, it is not."""
    runs = client.node.late_expiries and getattr(client.before.clock.data, "running", {})
    return not runs and message.timer.attempt == getattr(client.before.client.data, "attempt", 0)


@at_each_step
def whoever_waits_in_vain_gives_up_when_its_timeout_is_exceeded(client: Step) -> Implication:
    """The reference diagram, lines 56 and 59: the procedure failed, it waits for the next TrackerHello."""
    message = _heard(client)
    ended = message is not None and _is_latest(client, message) and client.before.where in WAITING
    return ended, client.after.where in GAVE_UP and not client.sent


@needs(_is_late)
@at_each_step
def a_timeout_that_was_stopped_or_set_anew_ends_nothing(client: Step) -> Implication:
    """An expiry that is still on its way is of an attempt that is over: it must not end the next one."""
    message = _heard(client)
    stale = message is not None and not _is_latest(client, message)
    return stale, client.after.where == client.before.where and not client.sent


@needs(happens("stop tracker"))
@at_each_step
def whoever_hears_the_tracker_leave_is_no_longer_registered(client: Step) -> Implication:
    """Tracker goodbye: they are no longer registered and wait for the next TrackerHello."""
    message = client.message
    if not isinstance(message, TrackerGoodbye) or _is_of_another(client, message):
        return False, True
    return client.before.where in {*WAITING, "registered"}, client.after.where in GAVE_UP and not client.sent


@needs(happens("stop torrent"))
@at_each_step
def whoever_leaves_while_the_tracker_may_have_registered_it_says_goodbye(client: Step) -> Implication:
    """Client goodbye: a registered client publishes ClientGoodbye, which names it."""
    leaves = client.kind == "stop" and client.before.where in {"registered", "awaiting_registration"}
    told = [(type(one), getattr(one, "client", "")) for one in client.sent]
    return leaves, told == [(ClientGoodbye, client.name)] and client.after.where == "offline"


@needs(happens("stop torrent"))
@at_each_step
def whoever_leaves_stops_its_timeout(client: Step) -> Implication:
    """A timeout that nobody waits for would end the next attempt."""
    runs, still = (getattr(state.clock.data, "running", {}) for state in (client.before, client.after))
    return client.kind == "stop" and bool(runs) and client.before.where in WAITING, not still


def _confirm_and_are_cut_off(system: ClosedSystem) -> bool:
    return name_requests(system) and happens("disconnect torrent")(system)


@needs(_confirm_and_are_cut_off)
@at_each_step
def whoever_may_be_registered_knows_so_when_its_connection_is_lost(client: Step) -> Implication:
    """RequestId: the tracker does not know that the connection is gone, so the client says goodbye when it is back."""
    may = client.kind == "disconnect" and client.before.where in {"registered", "awaiting_registration"}
    latest = getattr(client.before.client.data, "request_id", "")
    return may, getattr(client.after.client.data, "confirmed", "") == latest


@needs(_confirm_and_are_cut_off)
@at_each_step
def whoever_is_back_and_may_be_registered_says_goodbye_first(client: Step) -> Implication:
    """RequestId: a goodbye before the next request, or else the tracker goes on believing the earlier registration."""
    confirmed = getattr(client.before.client.data, "confirmed", "")
    first = client.sent[0] if client.sent else None
    told = isinstance(first, ClientGoodbye) and (first.client, first.request_id) == (client.name, confirmed)
    back = client.kind == "publish" and client.before.where in {"withdrawing", "requesting"} and confirmed != ""
    return back, told


PROPERTIES: tuple[Property, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Property))
"""All of them, in the order in which they stand here."""
