"""Election on a ring of three: the token comes round, whoever wants to lead marks it, and the mark's owner leads."""

from typing import Any

from statemachine import Event, State, StateChart


class First(StateChart[Any]):
    """Begins the election, and decides when the token comes back."""

    begun = State(initial=True)
    waiting = State()
    leading = State()
    following = State()
    acknowledging = State()
    done = State(final=True)

    starts = Event(begun.to(waiting), name="!election")
    unmarked = Event(waiting.to(leading), name="?election")
    marked = Event(waiting.to(following), name="?marked")
    leads = Event(leading.to(acknowledging), name="!leader")
    passes = Event(following.to(acknowledging), name="!marked")
    round_again = Event(acknowledging.to(done), name="?leader")


class Middle(StateChart[Any]):
    """Passes on what comes: never a candidate."""

    idle = State(initial=True)
    passing_election = State()
    passing_mark = State()
    passing_leader = State()

    election = Event(idle.to(passing_election), name="?election")
    passes_election = Event(passing_election.to(idle), name="!election")
    marked = Event(idle.to(passing_mark), name="?marked")
    passes_mark = Event(passing_mark.to(idle), name="!marked")
    leader = Event(idle.to(passing_leader), name="?leader")
    passes_leader = Event(passing_leader.to(idle), name="!leader")


class Last(StateChart[Any]):
    """May mark the token, and leads if its mark comes back."""

    idle = State(initial=True)
    choosing = State()
    follower = State()
    candidate = State()
    leading = State()
    passing = State()
    done = State(final=True)

    election = Event(idle.to(choosing), name="?election")
    declines = Event(choosing.to(follower), name="!election")
    marks = Event(choosing.to(candidate), name="!marked")
    comes_back = Event(candidate.to(leading), name="?marked")
    leads = Event(leading.to(done), name="!leader")
    told = Event(follower.to(passing), name="?leader")
    tells = Event(passing.to(done), name="!leader")


class TwoLeaders(StateChart[Any]):
    """Planted: leads although another one has marked the token."""

    begun = State(initial=True)
    waiting = State()
    leading = State()
    acknowledging = State()
    done = State(final=True)

    starts = Event(begun.to(waiting), name="!election")
    comes = Event(waiting.to(leading), name="?election")
    marked = Event(waiting.to(leading), name="?marked")
    leads = Event(leading.to(acknowledging), name="!leader")
    round_again = Event(acknowledging.to(done), name="?leader")


class NeverDeclines(StateChart[Any]):
    """Planted: always marks the token, so that one branch never runs."""

    idle = State(initial=True)
    choosing = State()
    candidate = State()
    leading = State()
    done = State(final=True)

    election = Event(idle.to(choosing), name="?election")
    marks = Event(choosing.to(candidate), name="!marked")
    comes_back = Event(candidate.to(leading), name="?marked")
    leads = Event(leading.to(done), name="!leader")


class Swallowing(StateChart[Any]):
    """Planted: says nothing on of who leads."""

    idle = State(initial=True)
    passing_election = State()
    passing_mark = State()

    election = Event(idle.to(passing_election), name="?election")
    passes_election = Event(passing_election.to(idle), name="!election")
    marked = Event(idle.to(passing_mark), name="?marked")
    passes_mark = Event(passing_mark.to(idle), name="!marked")
    leader = Event(idle.to.itself(), name="?leader")


CHARTS = {"N1": First, "N2": Middle, "N3": Last}
BUGS = {
    "two leaders": {**CHARTS, "N1": TwoLeaders},
    "swallows": {**CHARTS, "N2": Swallowing},
    "never declines": {**CHARTS, "N3": NeverDeclines},
}
