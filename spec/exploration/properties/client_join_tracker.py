"""What Client Join promises of each step of a tracker, property by property; to be read from top to bottom.

A step is what the tracker does with one event that it reads, with one expiry or with one order, until it waits again
(`spec.exploration.properties.steps`). What it ought to do is told here once more, from the protocol and from nothing
else: the rules of the Distribution View are not asked.
"""

from collections.abc import Mapping
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
    ReasonCode,
    TrackerGoodbye,
    TrackerHello,
)
from machines.rules import Admission, View
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.wills import LATE
from spec.exploration.properties.client_join_sides import (
    an_admission_can_time_out,
    are_misfits,
    bring_files,
    can_be_denied,
    canonical_all,
    ends,
    happens,
    has_rivals,
    have_several,
    misfits,
    say_goodbye,
)
from spec.exploration.properties.language import Implication, Property, at_each_step, needs
from spec.exploration.properties.steps import Step

SERVING = frozenset({"awaiting_requests", "awaiting_confirmations"})
ENDS_ROUND = frozenset({"start", "stop", "disconnect", "crash", "wipe", "stabilisation"})
"""What ends all admissions, and sooner or later all registrations; likewise that it steps down."""


def _asked(tracker: Step) -> ClientJoinRequested | None:
    """The request that a step answers; None if it is repeated, or the tracker does not serve yet."""
    message = tracker.message
    if not isinstance(message, ClientJoinRequested) or tracker.before.where not in SERVING:
        return None
    data: Any = tracker.before.client.data
    known = getattr(data, "requests", {}).get(message.client)
    return None if message.event_id and message.event_id == known else message


def _ends_round(tracker: Step) -> bool:
    """Whether a step ends all admissions, because nothing is promised or registered there any more."""
    steps_down = isinstance(tracker.message, TrackerHello) and tracker.after.where == "offline"
    return tracker.kind in ENDS_ROUND or steps_down


def _others(view: View, client: str) -> dict[str, frozenset[tuple[str, str, int | None, str]]]:
    """The endpoints that everybody but a client has, or was promised."""
    infos = {**{name: one.info for name, one in view.admissions.items()}, **view.clients}
    return {name: canonical_all(info.endpoints) for name, info in infos.items() if name != client}


def _is_taken(view: View, request: ClientJoinRequested) -> bool:
    wanted = canonical_all(request.endpoints)
    return any(wanted & endpoints for endpoints in _others(view, request.client).values())


def _causes(view: View, request: ClientJoinRequested) -> frozenset[ReasonCode]:
    """Why a client cannot join ("When the tracker decides")."""
    found = misfits(view, request.fragment_size, request.hash_algorithm)
    return found | {ReasonCode.ENDPOINT_CONFLICT} if _is_taken(view, request) else found


def _is_of_pending(tracker: Step, message: object) -> bool:
    """Whether a confirmation or a failure is of the pending admission of its client, as far as its name tells."""
    if not isinstance(message, ClientJoinSucceeded | ClientJoinFailed) or tracker.before.where not in SERVING:
        return False
    admission = tracker.before.knows.admissions.get(message.client)
    names = {message.request_id, admission.info.request_id} - {""} if admission else set()
    return admission is not None and len(names) <= 1


def _expired(tracker: Step) -> str:
    """The client whose pending admission a step has to end, because its latest timeout is exceeded; or nobody's."""
    message = tracker.message
    if not isinstance(message, TimeoutExceeded) or tracker.before == tracker.after or not _is_heard(tracker):
        return ""
    data: Any = tracker.before.client.data
    timer = message.timer
    is_latest = getattr(data, "attempts", {}).get(timer.client, 0) == timer.attempt
    if tracker.node.late_expiries:  # while another one is running, it was set anew
        is_latest &= timer.client not in getattr(tracker.before.clock.data, "running", {})
    return timer.client if is_latest and tracker.before.where in SERVING else ""


def _is_heard(tracker: Step) -> bool:
    """Whether the MQTT client hears of an expiry in this step, and not only the clock."""
    return not tracker.node.late_expiries or len(tracker.before.late) > len(tracker.after.late)


# A request is answered.


@at_each_step
def every_request_is_answered_once_and_to_whom_asked(tracker: Step) -> Implication:
    """ClientJoinRequested is answered by ClientJoinAccepted or ClientJoinDenied, which names the client."""
    request = _asked(tracker)
    if request is None:
        return False, True
    names = {(type(one), getattr(one, "client", ""), getattr(one, "request_id", "")) for one in tracker.sent}
    answers = {(kind, request.client, request.request_id) for kind in (ClientJoinAccepted, ClientJoinDenied)}
    return True, len(tracker.sent) == 1 and names <= answers


@needs(happens("duplicates"))
@at_each_step
def a_request_that_is_delivered_twice_is_answered_once(tracker: Step) -> Implication:
    """EventId is for spotting duplicates (QoS 1)."""
    message, serves = tracker.message, tracker.before.where in SERVING
    again = isinstance(message, ClientJoinRequested) and message.event_id != "" and serves and _asked(tracker) is None
    return again, not tracker.sent and tracker.after.knows == tracker.before.knows


@needs(has_rivals)
@at_each_step
def whoever_asks_for_an_endpoint_that_is_held_or_promised_is_denied(tracker: Step) -> Implication:
    """An endpoint that another client already has is EndpointConflict; what a pending admission was promised counts."""
    request = _asked(tracker)
    taken = request is not None and _is_taken(tracker.before.knows, request)
    return taken, not any(isinstance(one, ClientJoinAccepted) for one in tracker.sent)


@needs(are_misfits)
@at_each_step
def whoever_has_another_fragment_size_or_hash_algorithm_is_denied(tracker: Step) -> Implication:
    """WrongFragmentSize and WrongHashAlgorithm."""
    request, view = _asked(tracker), tracker.before.knows
    unfit = request is not None and bool(misfits(view, request.fragment_size, request.hash_algorithm))
    return unfit, not any(isinstance(one, ClientJoinAccepted) for one in tracker.sent)


@needs(can_be_denied)
@at_each_step
def a_denial_has_a_real_cause_and_its_code_is_that_cause(tracker: Step) -> Implication:
    """ReasonCode: WrongFragmentSize, WrongHashAlgorithm, EndpointConflict."""
    request = _asked(tracker)
    codes = {one.reason_code for one in tracker.sent if isinstance(one, ClientJoinDenied)}
    if request is None or not codes:
        return False, True
    return True, codes <= _causes(tracker.before.knows, request)


@needs(can_be_denied)
@at_each_step
def a_denial_says_what_is_in_conflict(tracker: Step) -> Implication:
    """Reason: whoever runs the client has to change just that."""
    request = _asked(tracker)
    reasons = [one.reason or "" for one in tracker.sent if isinstance(one, ClientJoinDenied)]
    if request is None or not reasons:
        return False, True
    causes = _causes(tracker.before.knows, request)
    words = {
        ReasonCode.WRONG_FRAGMENT_SIZE: [str(request.fragment_size)],
        ReasonCode.WRONG_HASH_ALGORITHM: [request.hash_algorithm],
        ReasonCode.ENDPOINT_CONFLICT: sorted(request.endpoints),
    }
    return True, all(any(word in reason for word in words[cause]) for reason in reasons for cause in causes)


@at_each_step
def whoever_has_no_conflict_is_accepted(tracker: Step) -> Implication:
    """The view finds conflicts, or answers with what the client has to change."""
    request = _asked(tracker)
    fits = request is not None and not _causes(tracker.before.knows, request)
    return fits, any(isinstance(one, ClientJoinAccepted) for one in tracker.sent)


@at_each_step
def an_acceptance_tells_just_what_the_client_lacks_and_has_otherwise(tracker: Step) -> Implication:
    """One that the client knows with other metadata is to be removed and replaced; one that it lacks, to be added."""
    request, view = _asked(tracker), tracker.before.knows
    accepted = [one for one in tracker.sent if isinstance(one, ClientJoinAccepted)]
    if request is None or not accepted:
        return False, True
    promised = [one for name, one in view.admissions.items() if name != request.client]
    files = _changes(view.files, [one.files for one in promised], request.known_file_infos)
    fragments = _changes(view.fragments, [one.fragments for one in promised], request.stored_fragments)
    clients = {name: info for name, info in view.clients.items() if name != request.client}
    return True, all(
        (dict(one.add_file_infos), set(one.remove_file_infos)) == files
        and (dict(one.add_fragment_infos), set(one.remove_fragment_infos)) == fragments
        and dict(one.clients) == clients
        and one.fragment_size == view.fragment_size
        for one in accepted
    )


def _changes(
    registered: Mapping[str, Any], promised: list[Mapping[str, Any]], told: Mapping[str, Any]
) -> tuple[dict[str, Any], set[str]]:
    """What to add, and what to remove. The service's metadata is the tracker's; else what was promised first."""
    service: dict[str, Any] = {key: value for one in promised for key, value in one.items()}
    service.update(registered)
    other = {key for key in told if key in service and service[key] != told[key]}
    return {
        key: value for key, value in service.items() if key in other or (key in registered and key not in told)
    }, other


@at_each_step
def an_admission_promises_just_what_was_asked_for(tracker: Step) -> Implication:
    """What a pending admission was promised counts as taken: its endpoints, and what it brings."""
    request = _asked(tracker)
    if request is None or not any(isinstance(one, ClientJoinAccepted) for one in tracker.sent):
        return False, True
    view, admission = tracker.before.knows, tracker.after.knows.admissions.get(request.client)
    if admission is None:
        return True, False
    promised = [one for name, one in view.admissions.items() if name != request.client]
    _, other = _changes(view.fragments, [one.fragments for one in promised], request.stored_fragments)
    brings = request.known_file_infos.keys() - view.files.keys() <= admission.files.keys()
    brings &= request.stored_fragments.keys() - view.fragments.keys() <= admission.fragments.keys()
    stored = admission.info.stored_fragments == set(request.stored_fragments) - other
    return True, admission.info.endpoints == request.endpoints and brings and stored


# A promise ends in one of a few ways.


@needs(have_several)
@at_each_step
def a_promise_stays_as_it_was_until_it_is_confirmed_has_failed_timed_out_or_left(tracker: Step) -> Implication:
    """What a pending admission was promised counts as taken until it is confirmed, has failed, or timed out."""
    before = tracker.before
    held = {**before.knows.admissions}
    data, then = before.client.data, tracker.after.client.data
    pending, still = (frozenset(getattr(one, "pending", ())) for one in (data, then))
    ended = _ended_by(tracker)
    kept: dict[str, Admission] = {name: one for name, one in held.items() if name != ended}
    same = all(tracker.after.knows.admissions.get(name) == one for name, one in kept.items())
    premise = bool(kept) and not _ends_round(tracker)
    return premise, same and pending - {ended} <= still


def _ended_by(tracker: Step) -> str:
    """The client whose admission a step may end."""
    message = tracker.message
    if isinstance(message, ClientGoodbye) and not _is_of_earlier_session(tracker):
        return message.client
    if _is_of_pending(tracker, message):
        return str(getattr(message, "client", ""))
    request = _asked(tracker)
    return request.client if request is not None else _expired(tracker)


@needs(an_admission_can_time_out)
@at_each_step
def a_promise_ends_when_its_timeout_is_exceeded(tracker: Step) -> Implication:
    """The reference diagram, line 55; alternatives 2 and 4: the tracker forgets the pending client."""
    client = _expired(tracker)
    after = tracker.after
    return client in tracker.before.knows.admissions, client not in after.knows.admissions and not tracker.sent


@needs(happens("storage failure"))
@at_each_step
def a_promise_ends_when_its_client_has_failed(tracker: Step) -> Implication:
    """A ClientJoinFailed that arrives makes the tracker forget the pending client at once."""
    message = tracker.message
    failed = isinstance(message, ClientJoinFailed) and _is_of_pending(tracker, message)
    client = getattr(message, "client", "")
    return failed, client not in tracker.after.knows.admissions and not tracker.sent


# Registrations.


@at_each_step
def whoever_confirms_a_pending_admission_is_registered_with_what_was_promised(tracker: Step) -> Implication:
    """ClientJoinSucceeded: the tracker applies the new client to its view and then publishes ClientRegistered."""
    message, view, then = tracker.message, tracker.before.knows, tracker.after.knows
    if not isinstance(message, ClientJoinSucceeded) or not _is_of_pending(tracker, message):
        return False, True
    promised = view.admissions[message.client]
    new_files = {key: one for key, one in promised.files.items() if key not in view.files}
    new_fragments = {key: one for key, one in promised.fragments.items() if key not in view.fragments}
    (told,) = tracker.sent if len(tracker.sent) == 1 else (None,)
    return True, (
        isinstance(told, ClientRegistered)
        and (told.client, told.info, told.request_id) == (message.client, promised.info, promised.info.request_id)
        and (dict(told.added_files), dict(told.added_fragments)) == (new_files, new_fragments)
        and then.clients.get(message.client) == promised.info
        and dict(then.files) == {**view.files, **new_files}
        and dict(then.fragments) == {**view.fragments, **new_fragments}
    )


@at_each_step
def a_registration_is_announced_once_for_a_client_and_its_admission(tracker: Step) -> Implication:
    """ClientRegistered follows a pending admission, and ends it: so there is one for each, at most."""
    told = [one.client for one in tracker.sent if isinstance(one, ClientRegistered)]
    was, still = tracker.before.knows.admissions, tracker.after.knows.admissions
    confirmed = isinstance(tracker.message, ClientJoinSucceeded) and tracker.message.client in told
    return bool(told), confirmed and len(told) == 1 and told[0] in was and told[0] not in still


@needs(have_several)
@at_each_step
def a_registration_stays_as_it_was_until_its_client_leaves_or_asks_anew(tracker: Step) -> Implication:
    """All participants share one Distribution View; a goodbye removes its client from it, and nobody else."""
    message = tracker.message
    leaves = isinstance(message, ClientGoodbye) and not _is_of_earlier_session(tracker)
    leaves |= _asked(tracker) is not None
    ended = getattr(message, "client", "") if leaves else ""
    kept = {name: info for name, info in tracker.before.knows.clients.items() if name != ended}
    confirmed = message.client if isinstance(message, ClientJoinSucceeded) else ""
    same = all(tracker.after.knows.clients.get(name) == info for name, info in kept.items() if name != confirmed)
    return bool(kept) and not _ends_round(tracker), same


@needs(say_goodbye)
@at_each_step
def whoever_says_goodbye_is_neither_registered_nor_promised_anything(tracker: Step) -> Implication:
    """Client goodbye: the tracker removes it from its view."""
    message, then = tracker.message, tracker.after
    left = isinstance(message, ClientGoodbye) and tracker.before.where in SERVING
    left &= not _is_of_earlier_session(tracker)
    client = getattr(message, "client", "")
    pending = getattr(then.client.data, "pending", ())
    return left, client not in {*then.knows.clients, *then.knows.admissions, *pending}


def _is_of_earlier_session(tracker: Step) -> bool:
    """Whether a step reads a will for another session than that of what its client has, or was promised."""
    message, view = tracker.message, tracker.before.knows
    if not isinstance(message, ClientGoodbye):
        return False
    admission = view.admissions.get(message.client)
    info = view.clients.get(message.client) if admission is None else admission.info
    return info is not None and not ends(message, info)


@needs(happens(LATE))
@at_each_step
def a_late_will_removes_nobody_whose_owner_is_back(tracker: Step) -> Implication:
    """Session of ClientGoodbye: it speaks of who was registered or admitted in that session, and of nobody else."""
    view, then = tracker.before.knows, tracker.after.knows
    pending, still = (getattr(state.client.data, "pending", ()) for state in (tracker.before, tracker.after))
    same = (view.clients, view.admissions, pending) == (then.clients, then.admissions, still)
    return _is_of_earlier_session(tracker) and tracker.before.where in SERVING, same and not tracker.sent


@needs(bring_files)
@at_each_step
def files_and_fragments_that_the_tracker_knows_stay_as_they_are(tracker: Step) -> Implication:
    """The service's metadata is what the tracker's view holds; what a client brought stays when it leaves."""
    view, then = tracker.before.knows, tracker.after.knows
    same = view.files.items() <= then.files.items() and view.fragments.items() <= then.fragments.items()
    return tracker.kind != "wipe" and bool(view.files or view.fragments), same


def _can_be_interrupted(system: ClosedSystem) -> bool:
    """Whether the tracker can crash inside a step of which something is out by then."""
    if system.keeps_hops and not system.connections.lingers:
        return False
    return system.faults.crash_points and happens("crash tracker")(system)


@needs(_can_be_interrupted)
@at_each_step
def whoever_was_told_of_is_in_the_store(interrupted: Step) -> Implication:
    """Nothing acknowledged is lost: the view is stored before anything that follows from it is published."""
    told = [one for one in interrupted.sent if isinstance(one, ClientRegistered)]
    stored = interrupted.after.knows
    kept = all(stored.clients.get(one.client) == one.info for one in told)
    kept &= all(one.added_files.items() <= stored.files.items() for one in told)
    return bool(told), kept and all(one.added_fragments.items() <= stored.fragments.items() for one in told)


# Rounds.


@at_each_step
def a_tracker_begins_with_nobody_registered_and_says_hello(tracker: Step) -> Implication:
    """Tracker Server startup: it publishes TrackerHello, and a new tracker knows nobody."""
    begins = tracker.before.where == "announcing_itself" and tracker.kind == "publish"
    view = tracker.after.knows
    return begins, not view.clients and not view.admissions and tuple(map(type, tracker.sent)) == (TrackerHello,)


@needs(happens("stop tracker"))
@at_each_step
def a_tracker_that_stops_says_goodbye(tracker: Step) -> Implication:
    """Tracker goodbye: the tracker publishes TrackerGoodbye, and disconnects."""
    stops = tracker.kind == "stop" and tracker.before.where in SERVING
    told = tuple(map(type, tracker.sent)) == (TrackerGoodbye,)
    promised = tracker.before.knows.admissions.keys()
    stopped = not promised & getattr(tracker.after.clock.data, "running", {}).keys()
    return stops, told and tracker.after.where == "offline" and stopped


PROPERTIES: tuple[Property, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Property))
"""All of them, in the order in which they stand here."""
