"""The states of servers without what does not matter: a finite state space needs that."""

from typing import TYPE_CHECKING, Any

from immutabledict import immutabledict

from machines.clock import ClockData
from machines.records import replace
from machines.torrent_server import TorrentServerData
from machines.tracker import TrackerData

if TYPE_CHECKING:
    from spec.exploration.model.node import ServerState

WAITING = frozenset({"offline", "withdrawing", "requesting", "awaiting_timeout", "awaiting_retry", "awaiting_hello"})
"""Where nobody looks at who is registered, or gone, before both are told or forgotten anew. A step ends in a state that
is about to publish only after a start, so what was forgotten offline is forgotten there, too."""
_NOBODY_LOOKS = WAITING | {"awaiting_answer"}


def normal(state: "ServerState") -> "ServerState":
    """Attempts are compared with the timeouts that are set, and with nothing else: they are numbered from there.

    What is normal already is returned as it is: the same object is soon compared.
    """
    state = _without_old_names(state)
    data, clock = state.client.data, state.clock.data
    running = clock.running if isinstance(clock, ClockData) else immutabledict[str, int]()
    late = [message.timer for message in state.late]
    if isinstance(data, TorrentServerData):
        ranks = _ranks({data.attempt, *running.values(), *(timer.attempt for timer in late)})
        if all(number == rank for number, rank in ranks.items()):
            return state
        late = [replace(timer, attempt=ranks[timer.attempt]) for timer in late]
        data = replace(data, attempt=ranks[data.attempt])
        running = immutabledict({client: ranks[number] for client, number in running.items()})
    elif isinstance(data, TrackerData):
        attempts, numbers = dict(data.attempts), dict(running)
        before = (dict(attempts), dict(numbers))
        for client in {*attempts, *numbers}:
            still = [timer.attempt for timer in late if timer.client == client]
            ranks = _ranks({attempts.get(client, 0), *([numbers[client]] if client in numbers else []), *still})
            late = [replace(one, attempt=ranks[one.attempt]) if one.client == client else one for one in late]
            attempts[client] = ranks[attempts.get(client, 0)]
            if client in numbers:
                numbers[client] = ranks[numbers[client]]
        attempts = {client: number for client, number in attempts.items() if number}
        if not late and (attempts, numbers) == before and all(data.requests.values()):
            return state
        requests = {client: mark for client, mark in data.requests.items() if mark}
        data = replace(data, attempts=immutabledict(attempts), requests=immutabledict(requests))
        running = immutabledict(numbers)
    else:
        return state
    if isinstance(clock, ClockData):
        state = state._replace(clock=state.clock._replace(data=replace(clock, running=running)))
    state = state._replace(late=tuple(replace(one, timer=timer) for one, timer in zip(state.late, late, strict=True)))
    return state._replace(client=state.client._replace(data=data))


def _without_old_names(state: "ServerState") -> "ServerState":
    """Only names of requests make many of the clients that a view still knows where it will be told anew."""
    if state.where not in _NOBODY_LOOKS:
        return state
    view = state.knows
    names = view.gone or view.gone_before or any(info.request_id for info in view.clients.values())
    if not (names or any(one.info.request_id for one in view.admissions.values())):
        return state
    view = replace(view, clients=immutabledict(), admissions=immutabledict())
    if state.where in WAITING and isinstance(state.client.data, TorrentServerData):  # a tracker remembers wills
        view = replace(view, gone=immutabledict(), gone_before=immutabledict())
    return state._replace(view=state.view._replace(data=replace(state.view.data, view=view)))


def _ranks(numbers: set[int]) -> dict[int, int]:
    return {number: rank for rank, number in enumerate(sorted(numbers))}


def marks_in(data: Any) -> frozenset[str]:
    """The `event_id`s that a chart of ours knows."""
    known = (getattr(data, "hello", ""), *getattr(data, "requests", {}).values())
    return frozenset(known) - {""}


def without_marks(data: Any) -> Any:
    """`event_id`s are compared with those of events that are delivered twice, and with nothing else."""
    if isinstance(data, TorrentServerData):
        return replace(data, hello="") if data.hello else data
    if isinstance(data, TrackerData):
        return replace(data, requests=immutabledict()) if data.requests else data
    return data
