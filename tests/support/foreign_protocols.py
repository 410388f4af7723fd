"""Protocols and charts as others write them: nothing in here knows of ours."""

from typing import Any

from statemachine import Event, State, StateChart, StateMachine


class Coordinator(StateChart[Any]):
    """Two-phase commit with two participants: it counts votes, and each message says to whom it goes."""

    idle = State(initial=True)
    preparing = State()
    deciding = State()
    doomed = State()
    committing = State()
    aborting = State()
    done = State(final=True)

    recv_begin = Event(idle.to(preparing), name="?begin")
    send_prepare = Event(
        preparing.to(preparing, cond="first", on="count") | preparing.to(deciding, cond="last", on="count"),
        name="!prepare",
    )
    recv_yes = Event(
        deciding.to(deciding, cond="not last", on="count") | deciding.to(committing, cond="last", on="count"),
        name="?yes",
    )
    recv_no = Event(
        deciding.to(doomed, cond="not last", on="count") | deciding.to(aborting, cond="last", on="count"), name="?no"
    )
    late_yes = Event(doomed.to(aborting, cond="last", on="count"), name="?yes")
    late_no = Event(doomed.to(aborting, cond="last", on="count"), name="?no")
    send_commit = Event(
        committing.to(committing, cond="first", on="count") | committing.to(done, cond="last", on="count"),
        name="!commit",
    )
    send_abort = Event(
        aborting.to(aborting, cond="first", on="count") | aborting.to(done, cond="last", on="count"), name="!abort"
    )

    def __init__(self) -> None:
        self.met: set[str] = set()
        super().__init__()

    def first(self) -> bool:
        return not self.met

    def last(self, sender: str = "", to: str = "") -> bool:
        return bool(self.met) and (sender or to) not in self.met

    def count(self, sender: str = "", to: str = "") -> None:
        self.met = set() if self.met else {sender or to}


class Voter(StateMachine):
    """A participant of it, in the older style of the library."""

    idle = State(initial=True)
    voting = State()
    ready = State()
    refused = State()
    finished = State(final=True)

    recv_prepare = idle.to(voting, event="?prepare")
    send_yes = voting.to(ready, event="!yes")
    send_no = voting.to(refused, event="!no")
    recv_commit = ready.to(finished, event="?commit")
    recv_abort = ready.to(finished, event="?abort") | refused.to(finished, event="?abort")


TWO_PHASE = """\
title Two-phase commit
participant C
participant P1
participant P2
[->C:begin
parallel
C->P1:prepare
C->P2:prepare
parallel off
alt both can
parallel
P1->C:yes
P2->C:yes
parallel off
parallel
C->P1:commit
C->P2:commit
parallel off
else one cannot
parallel
P1->C:no
P2->C:yes
parallel off
parallel
C->P1:abort
C->P2:abort
parallel off
else
parallel
P1->C:yes
P2->C:no
parallel off
parallel
C->P1:abort
C->P2:abort
parallel off
else
parallel
P1->C:no
P2->C:no
parallel off
parallel
C->P1:abort
C->P2:abort
parallel off
end
"""


class Sender(StateChart[Any]):
    """The alternating-bit protocol: the bit is data, and tells which message is sent."""

    ready = State(initial=True)
    waiting = State()

    send0 = Event(ready.to(waiting, cond="even"), name="!data0")
    send1 = Event(ready.to(waiting, unless="even"), name="!data1")
    ack0 = Event(waiting.to(ready, cond="even", on="flip") | waiting.to.itself(unless="even"), name="?ack0")
    ack1 = Event(waiting.to(ready, unless="even", on="flip") | waiting.to.itself(cond="even"), name="?ack1")
    timeout = Event(waiting.to(ready), name="?timeout")

    def __init__(self) -> None:
        self.bit = 0
        super().__init__()

    def even(self) -> bool:
        return self.bit == 0

    def flip(self) -> None:
        self.bit = 1 - self.bit


class Receiver(StateChart[Any]):
    """Its other end."""

    expecting0 = State(initial=True)
    expecting1 = State()
    got0 = State()
    got1 = State()

    data0 = Event(expecting0.to(got0) | expecting1.to(got0), name="?data0")
    data1 = Event(expecting1.to(got1) | expecting0.to(got1), name="?data1")
    ack0 = Event(got0.to(expecting1), name="!ack0")
    ack1 = Event(got1.to(expecting0), name="!ack1")


class Alarm(StateChart[Any]):
    """Its clock."""

    running = State(initial=True)
    ring = Event(running.to.itself(), name="!timeout")


ALTERNATING = """\
title Alternating bit
loop
loop
alt
S-xR:data0
else
S->R:data0
R-xS:ack0
end
T->S:timeout
end
S->R:data0
R->S:ack0
loop
alt
S-xR:data1
else
S->R:data1
R-xS:ack1
end
T->S:timeout
end
S->R:data1
R->S:ack1
end
"""


class Client(StateChart[Any]):
    """A handshake like TCP's; connected is a compound state with two parallel regions in it."""

    closed = State(initial=True)
    syn_sent = State()
    acking = State()

    class connected(State.Parallel):  # noqa: N801 - states are named like this
        class out(State.Compound):  # noqa: N801
            open_out = State(initial=True)
            closing = State()
            closed_out = State(final=True)
            fin = Event(open_out.to(closing), name="!FIN")
            fin_acked = Event(closing.to(closed_out), name="?FINACK")

        class back(State.Compound):  # noqa: N801
            open_in = State(initial=True)
            acknowledging = State()
            closed_in = State(final=True)
            got_fin = Event(open_in.to(acknowledging), name="?FIN")
            ack_fin = Event(acknowledging.to(closed_in), name="!FINACK")

    syn = Event(closed.to(syn_sent), name="!SYN")
    syn_ack = Event(syn_sent.to(acking), name="?SYN+ACK")
    ack = Event(acking.to(connected), name="!ACK")


class Server(StateChart[Any]):
    """The other end, flat."""

    listening = State(initial=True)
    answering = State()
    awaiting_ack = State()
    opened = State()
    acking = State()
    half = State()
    sending_fin = State()
    closed = State(final=True)

    syn = Event(listening.to(answering), name="?SYN")
    syn_ack = Event(answering.to(awaiting_ack), name="!SYN+ACK")
    ack = Event(awaiting_ack.to(opened), name="?ACK")
    got_fin = Event(opened.to(acking), name="?FIN")
    ack_fin = Event(acking.to(sending_fin), name="!FINACK")
    send_fin = Event(sending_fin.to(half), name="!FIN")
    fin_acked = Event(half.to(closed), name="?FINACK")


HANDSHAKE = """\
title Handshake
actor Client
participant "TCP server" as Server
Client->Server:SYN
Client<--Server:SYN+ACK
Client->Server:ACK
note over Client,Server: data
Client->Server:FIN
Server-->Client:FINACK
Server->Client:FIN
Client-->Server:FINACK
"""
