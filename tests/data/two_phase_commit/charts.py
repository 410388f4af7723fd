"""Two-phase commit with timeouts: a coordinator, two participants and the coordinator's timer.

Who is at the other end of an arrow is given to guards and callbacks: `to` of what is sent, `sender` of what comes.
"""

from statemachine import Event, State, StateChart

from spec.exploration.model.faults import Faults
from spec.exploration.model.foreign import Standing
from spec.exploration.properties.language import Implication, always, leads_to

VOTERS = frozenset({"P1", "P2"})


class Coordinator(StateChart[None]):
    """Asks all, and commits if all agree before its time is over."""

    resting = State(initial=True)
    collecting = State()
    stopping = State()
    committing = State()
    aborting = State()
    committed = State()
    aborted = State()

    send_start = Event(resting.to(collecting), name="!start")
    send_prepare = Event(collecting.to.itself(cond="is_next", on="note"), name="!prepare")
    recv_yes = Event(
        collecting.to(stopping, cond="is_last_vote", on="vote") | collecting.to.itself(on="vote"),
        name="?yes",
    )
    recv_no = Event(
        collecting.to(stopping, cond="is_last_vote", on="refuse") | collecting.to.itself(on="refuse"),
        name="?no",
    )
    recv_timeout = Event(collecting.to(aborting, on="forget"), name="?timeout")
    send_stop = Event(
        stopping.to(committing, unless="is_refused", on="forget") | stopping.to(aborting, on="forget"), name="!stop"
    )
    send_commit = Event(
        committing.to(committed, cond="is_last", on="note") | committing.to.itself(cond="is_next", on="note"),
        name="!commit",
    )
    send_abort = Event(
        aborting.to(aborted, cond="is_last", on="note") | aborting.to.itself(cond="is_next", on="note"),
        name="!abort",
    )
    recv_late_timeout = Event(
        stopping.to.itself()
        | committing.to.itself()
        | aborting.to.itself()
        | committed.to.itself()
        | aborted.to.itself(),
        name="?timeout",
    )
    recv_late_yes = Event(aborting.to.itself() | aborted.to.itself(), name="?yes")
    recv_late_no = Event(aborting.to.itself() | aborted.to.itself(), name="?no")

    def __init__(self) -> None:
        self.told: frozenset[str] = frozenset()
        self.votes: frozenset[str] = frozenset()
        self.is_refused = False
        super().__init__()

    def is_next(self, to: str = "") -> bool:
        return to not in self.told

    def is_last(self, to: str = "") -> bool:
        return self.told | {to} == VOTERS and self.is_next(to)

    def note(self, to: str = "") -> None:
        self.told |= {to}

    def forget(self) -> None:
        self.told = frozenset()

    def is_last_vote(self, sender: str = "") -> bool:
        return self.votes | {sender} == VOTERS

    def vote(self, sender: str = "") -> None:
        self.votes |= {sender}

    def refuse(self, sender: str = "") -> None:
        self.votes |= {sender}
        self.is_refused = True


class Participant(StateChart[None]):
    """Votes, and does what is decided; one that agreed has to wait for that."""

    working = State(initial=True)
    voting = State()
    ready = State()
    refused = State()
    committed = State(final=True)
    aborted = State(final=True)

    recv_prepare = Event(working.to(voting), name="?prepare")
    send_yes = Event(voting.to(ready), name="!yes")
    send_no = Event(voting.to(refused), name="!no")
    recv_commit = Event(ready.to(committed), name="?commit")
    recv_abort = Event(
        working.to(aborted) | voting.to(aborted) | ready.to(aborted) | refused.to(aborted),
        name="?abort",
    )


class Timer(StateChart[None]):
    """Runs until it is stopped, or tells that the time is over."""

    idle = State(initial=True)
    running = State()

    recv_start = Event(idle.to(running), name="?start")
    recv_stop = Event(running.to(idle) | idle.to.itself(), name="?stop")
    send_timeout = Event(running.to(idle), name="!timeout")


CHARTS = {"Coordinator": Coordinator, "P1": Participant, "P2": Participant, "Timer": Timer}

# For the explorer: what is lost, where charts may stay for good, and what is claimed.

FAULTS = Faults({"losses": None}, loses=frozenset({"prepare", "yes", "no"}))
MAY_STAY = {"Coordinator": ["committed", "aborted"], "Timer": ["idle"]}


@always
def nobody_commits_what_another_one_aborts(P1: Standing, P2: Standing) -> Implication:  # noqa: N803 - names of charts
    """Atomicity: all of them do the same in the end."""
    return True, {P1.where, P2.where} != {("committed",), ("aborted",)}


@leads_to
def who_is_ready_hears_the_decision(each: Standing) -> Implication:
    """Nobody waits for ever with everything locked."""
    return each.where == ("ready",), each.where in {("committed",), ("aborted",)}


PROPERTIES = [nobody_commits_what_another_one_aborts, who_is_ready_hears_the_decision]
