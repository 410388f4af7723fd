"""The obligations of a participant for what it receives, as a binding states them, and the ledger that checks them.

Diagrams draw a broker passing an event on to those whom they are about, and leave the others out; so most of what it
does is not drawn. That does not mean that it may do anything. A *discipline* says what follows from what: a message
that comes in obliges to others that go out, once each, and to nobody else. What an obligation asks needs no drawing.
What none asks for is a violation, and so is a pending obligation of which nothing is about to be sent.

The ledger is part of a participant's local state in `spec.system`, so that every search keeps it. It knows names of
lifelines and messages, and nothing of charts.
"""

import fnmatch
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, NamedTuple


def fits(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name fits shell patterns, of which those that begin with `-` except it again."""
    rows = tuple(patterns)
    excepted = any(fnmatch.fnmatchcase(name, pattern[1:]) for pattern in rows if pattern[0] == "-")
    return not excepted and any(fnmatch.fnmatchcase(name, pattern) for pattern in rows)


def of_action(pattern: str) -> str:
    """The pattern of an action, in which the `?` that begins it stands for receiving, not for any one character."""
    excepted, rest = ("-", pattern[1:]) if pattern[:1] == "-" else ("", pattern)
    return excepted + ("[?]" + rest[1:] if rest[:1] == "?" else rest)


@dataclass(frozen=True)
class Obligation:
    """Messages that oblige their receivers: what each has to send for them, and to whom. See `spec.binding.model`."""

    lifelines: frozenset[str]
    received: tuple[str, ...]
    sends: str = ""
    """Shell pattern of what has to be sent, `{topic}` being that of the message; empty: the message itself."""
    sender: str = ""
    """What must have been sent to the sender before: what comes from others is ignored."""
    to: str = ""
    """The receivers are those to whom this was sent before; empty: the sender alone."""
    why: str = ""
    place: str = ""


@dataclass(frozen=True)
class Forgets:
    """Messages that end all obligations to their sender; what was sent to it before counts no longer.

    With `wills` they oblige to what the sender left for this case, as if it had sent it just before.
    """

    lifelines: frozenset[str]
    received: tuple[str, ...]
    why: str = ""
    place: str = ""
    wills: bool = False


class Said(NamedTuple):
    """A message with the lifeline at its other end, empty if a chart does not say; `number` tells it from others.

    `will` is a message that it leaves with its receiver.
    """

    message: str
    detail: str
    topic: str
    number: Hashable
    peer: str
    will: "Said | None" = None

    def __str__(self) -> str:
        return f"{self.message} {self.detail}".rstrip()


class PendingObligation(NamedTuple):
    """What is still to be sent to a lifeline: a message that fits `text`, or if `number` is given, that very one."""

    to: str
    text: str
    number: Hashable
    why: str


class Violation(NamedTuple):
    """What a participant does against its discipline, or without end."""

    kind: Literal["undue", "owed", "endless"]
    lifeline: str
    text: str


class Ledger(NamedTuple):
    """What was sent that matters later, with its receiver; the pending obligations, oldest first; and what went wrong.

    `wills` is what was left by whom.
    """

    sent: frozenset[tuple[str, str]] = frozenset()
    pending_obligations: tuple[PendingObligation, ...] = ()
    wrong: str = ""
    wills: frozenset[tuple[str, Said]] = frozenset()


EMPTY = Ledger()


@dataclass(frozen=True)
class Discipline:
    """All obligations of one lifeline in a binding, and what ends them."""

    lifeline: str
    obligations: tuple[Obligation, ...]
    forgets: tuple[Forgets, ...]

    def covers(self, action: str) -> bool:
        """Whether it decides about an action such as `!CONNACK`, so that nobody needs to draw it."""
        return _covers(self, action)

    def received(self, ledger: Ledger, said: Said, *, ignored: bool) -> Ledger:
        """The ledger after a message came, which the participant took or ignored."""
        if not self.covers(f"?{said.message}"):
            return ledger
        why, found = "", ledger
        over = next((row for row in self.forgets if fits(said.message, row.received)), None)
        if over is not None:
            found = Ledger(
                frozenset(each for each in ledger.sent if each[0] != said.peer),
                tuple(pending for pending in ledger.pending_obligations if pending.to != said.peer),
                ledger.wrong,
                frozenset(each for each in ledger.wills if each[0] != said.peer),
            )
            found = self._said_for(ledger, found, said.peer) if over.wills else found
        counts = found != ledger
        if said.will is not None:
            found = found._replace(wills=found.wills | {(said.peer, said.will)})
        for row in [row for row in self.obligations if fits(said.message, row.received)]:
            why = row.why
            if not row.sender or (said.peer, row.sender) in found.sent:
                counts = True
                pending_obligations = sorted(
                    (*found.pending_obligations, *_pending_obligations(row, found, said)), key=_kind
                )
                found = found._replace(pending_obligations=tuple(pending_obligations))
        if counts is not ignored:
            return found
        verb = "ignores" if ignored else "takes"
        instead = "it counts here" if ignored else "it means nothing here, and should be ignored"
        why = why or (over.why if over is not None else "")
        return found._replace(wrong=f"{verb} {said} from {said.peer or 'outside'}, though {instead}{_because(why)}")

    def _said_for(self, before: Ledger, after: Ledger, peer: str) -> Ledger:
        """The ledger `after` all was forgotten of a peer; what it left `before` now goes to those who want it."""
        for name, will in sorted(before.wills):
            for row in self.obligations if name == peer else ():
                passed_on = row.to and not row.sends and fits(will.message, row.received)
                if passed_on and (not row.sender or (peer, row.sender) in before.sent):
                    text = replace(row, sends=str(will))  # it was never numbered: the text says which it is
                    pending = sorted((*after.pending_obligations, *_pending_obligations(text, after, will)), key=_kind)
                    after = after._replace(pending_obligations=tuple(pending))
        return after

    def pending_for(self, ledger: Ledger, said: Said) -> PendingObligation | None:
        """The pending obligation that sending this message meets; None if there is none. Of messages to pass on, the
        oldest for each receiver comes first.
        """
        for pending in ledger.pending_obligations:
            if said.peer not in {pending.to, ""}:
                continue
            if pending.number is not None:
                passed_on = next(
                    each for each in ledger.pending_obligations if each.to == pending.to and each.number is not None
                )
                if pending == passed_on and pending.number == said.number:
                    return pending
            elif fnmatch.fnmatchcase(str(said), pending.text):
                return pending
        return None

    def sent(self, ledger: Ledger, said: Said) -> Ledger:
        """The ledger after a message was sent."""
        if not self.covers(f"!{said.message}"):
            return ledger
        pending = self.pending_for(ledger, said)
        if pending is None:
            return ledger._replace(wrong=self._undue(said))
        place = ledger.pending_obligations.index(pending)
        found = ledger._replace(
            pending_obligations=(*ledger.pending_obligations[:place], *ledger.pending_obligations[place + 1 :])
        )
        matters = any(fnmatch.fnmatchcase(str(said), row.to.format(topic="*")) for row in self.obligations if row.to)
        if matters or any(str(said) == row.sender for row in self.obligations):
            return found._replace(sent=found.sent | {(said.peer, str(said))})
        return found

    def violation(self, ledger: Ledger, due: Iterable[Said], can_send: Callable[[Said], bool]) -> Violation | None:
        """What is wrong where a participant is about to send what is `due`, of which it may not be able to send all."""
        if ledger.wrong:
            return Violation("undue", self.lifeline, ledger.wrong)
        served: set[str] = set()
        for said in due:
            if not self.covers(f"!{said.message}"):
                continue
            if self.pending_for(ledger, said) is None:
                if can_send(said):
                    return Violation("undue", self.lifeline, self._undue(said))
            elif said.peer not in served and can_send(said):
                served.add(said.peer)
        for pending in ledger.pending_obligations:
            if not served & {pending.to, ""}:
                to = pending.to or "whoever is outside"
                what = pending.text.removesuffix(" *")
                text = f"has a pending obligation to send {what} to {to}, and is about to send {to} nothing of the kind"
                return Violation("owed", self.lifeline, text + _because(pending.why))
        return None

    def _undue(self, said: Said) -> str:
        fitting = [
            row.why for row in self.obligations if (fits(said.message, row.received) if not row.sends else False)
        ]
        fitting += [row.why for row in self.obligations if row.sends.partition(" ")[0] == said.message]
        why = next(iter(fitting), "")
        to = f" to {said.peer}" if said.peer else ""
        return f"can send {said}{to} without a pending obligation{_because(why)}"


def _because(why: str) -> str:
    return f"; the rule is: {why}" if why else ""


@lru_cache(1 << 12)
def _covers(discipline: Discipline, action: str) -> bool:
    name = action[1:]
    if action[0] == "?":
        patterns = [row.received for row in discipline.obligations] + [row.received for row in discipline.forgets]
        return any(fits(name, received) for received in patterns)
    return any(
        fnmatch.fnmatchcase(name, row.sends.partition(" ")[0]) if row.sends else fits(name, row.received)
        for row in discipline.obligations
    )


def _kind(pending: PendingObligation) -> tuple[bool, str]:
    """Obligations of different kinds are in no order, so they are kept in one."""
    return (True, "") if pending.number is not None else (False, pending.text.partition(" ")[0])


def _pending_obligations(row: Obligation, ledger: Ledger, said: Said) -> tuple[PendingObligation, ...]:
    text = row.sends.format(topic=said.topic) if row.sends else str(said)
    number = None if row.sends else said.number
    granted = row.to.format(topic=said.topic)
    receivers = sorted(peer for peer, sent in ledger.sent if sent == granted) if row.to else [said.peer]
    return tuple(PendingObligation(peer, text, number, row.why) for peer in receivers)
