"""The smallest exchange: charts of others that ask and answer."""

from statemachine import Event, State, StateChart


class Asker(StateChart[object]):
    """Asks, and waits."""

    a = State(initial=True)
    w = State()
    z = State(final=True)
    ask = Event(a.to(w), name="!ask")
    ok = Event(w.to(z), name="?ok")


class Server(StateChart[object]):
    """Answers."""

    a = State(initial=True)
    w = State()
    z = State(final=True)
    ask = Event(a.to(w), name="?ask")
    ok = Event(w.to(z), name="!ok")
