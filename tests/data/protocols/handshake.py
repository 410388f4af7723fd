"""A handshake of two parties over a line that may lose the first message once: it is sent again after a timeout."""

from typing import Any

from statemachine import Event, State, StateChart


class Caller(StateChart[Any]):
    """Says hello, again if nothing comes back, and confirms the answer."""

    idle = State(initial=True)
    arming = State()
    waiting = State()
    again = State()
    disarming = State()
    confirming = State()
    opened = State(final=True)

    hello = Event(idle.to(arming) | again.to(arming), name="!SYN")
    arm = Event(arming.to(waiting), name="!start")
    expired = Event(waiting.to(again), name="?expired")
    answered = Event(waiting.to(disarming), name="?SYNACK")
    disarm = Event(disarming.to(confirming), name="!stop")
    confirm = Event(confirming.to(opened), name="!ACK")


class Callee(StateChart[Any]):
    """Answers and waits for the confirmation."""

    listening = State(initial=True)
    answering = State()
    half_open = State()
    opened = State(final=True)

    called = Event(listening.to(answering), name="?SYN")
    answers = Event(answering.to(half_open), name="!SYNACK")
    confirmed = Event(half_open.to(opened), name="?ACK")


class Timer(StateChart[Any]):
    """Runs until it is stopped."""

    idle = State(initial=True)
    running = State()

    start = Event(idle.to(running), name="?start")
    stop = Event(running.to(idle), name="?stop")
    expires = Event(running.to(idle), name="!expired")


class GivesUp(StateChart[Any]):
    """Planted: does not send again."""

    idle = State(initial=True)
    arming = State()
    waiting = State()
    failed = State(final=True)
    disarming = State()
    confirming = State()
    opened = State(final=True)

    hello = Event(idle.to(arming), name="!SYN")
    arm = Event(arming.to(waiting), name="!start")
    expired = Event(waiting.to(failed), name="?expired")
    answered = Event(waiting.to(disarming), name="?SYNACK")
    disarm = Event(disarming.to(confirming), name="!stop")
    confirm = Event(confirming.to(opened), name="!ACK")


class OneMore(StateChart[Any]):
    """Planted: confirms before it is answered."""

    idle = State(initial=True)
    arming = State()
    waiting = State()
    disarming = State()
    sent = State()
    again = State()
    opened = State(final=True)

    hello = Event(idle.to(arming) | again.to(arming), name="!SYN")
    arm = Event(arming.to(waiting), name="!start")
    expired = Event(waiting.to(again), name="?expired")
    confirm = Event(waiting.to(sent), name="!ACK")
    answered = Event(sent.to(disarming), name="?SYNACK")
    disarm = Event(disarming.to(opened), name="!stop")


class Deaf(StateChart[Any]):
    """Planted: ends without hearing the confirmation."""

    listening = State(initial=True)
    answering = State()
    opened = State(final=True)

    called = Event(listening.to(answering), name="?SYN")
    answers = Event(answering.to(opened), name="!SYNACK")


class NeverStopped(StateChart[Any]):
    """Planted: the timer is not told that the answer has come."""

    idle = State(initial=True)
    arming = State()
    waiting = State()
    again = State()
    confirming = State()
    opened = State(final=True)

    hello = Event(idle.to(arming) | again.to(arming), name="!SYN")
    arm = Event(arming.to(waiting), name="!start")
    expired = Event(waiting.to(again), name="?expired")
    answered = Event(waiting.to(confirming), name="?SYNACK")
    confirm = Event(confirming.to(opened), name="!ACK")


CHARTS = {"Caller": Caller, "Callee": Callee, "Timer": Timer}
BUGS = {
    "gives up": {**CHARTS, "Caller": GivesUp},
    "confirms too early": {**CHARTS, "Caller": OneMore},
    "deaf": {**CHARTS, "Callee": Deaf},
    "timer never stopped": {**CHARTS, "Caller": NeverStopped},
}
