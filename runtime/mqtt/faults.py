"""Faults as data: which event is lost, duplicated or delayed, on which hop, for whom, and when.

A fault is written `EVENT@HOP[:CLIENT][#K or %P]`, and a delay ends with `=SECONDS`:

    ClientJoinAccepted@from-broker:torrent-1#2   the second one on its way to torrent-1
    *@to-broker:tracker%0.1                      one in ten of all that the tracker publishes
    TrackerHello@from-broker=0.5                 every one, half a second late

EVENT is the name of a bus event, or `*` for any. HOP is `to-broker` (from a client to the broker; CLIENT publishes) or
`from-broker` (from the broker to one subscriber; CLIENT receives). K counts from 1 the events that the fault matches.
The kind of a fault is not part of its text: the option that it is given to says it (`--lose`, `--duplicate`, ...).

Nothing here knows a broker or a network: a `FaultPlan` is asked for its verdict on each event, in order.
"""

import difflib
import math
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from machines.events import BUS_EVENTS

Kind = Literal["lose", "duplicate", "delay"]
Hop = Literal["to-broker", "from-broker"]

TO_BROKER: Hop = "to-broker"
FROM_BROKER: Hop = "from-broker"
ANY_EVENT = "*"
EVENT_NAMES: tuple[str, ...] = tuple(event.__name__ for event in BUS_EVENTS)

_RESERVED = "#%="  # would make the text of a fault ambiguous inside a client id


class FaultSyntaxError(ValueError):
    """A fault makes no sense: the message says which part, what was expected there, and the nearest known name."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule for what goes wrong; `str()` gives the text that `parse_fault` reads.

    Without `occurrence` (the K-th match only) and `probability` (0 to 1, of each match) it applies to every match.
    `seconds` belongs to delays alone. Raises FaultSyntaxError for anything that could not be written down.
    """

    kind: Kind
    event: str
    hop: Hop
    client: str | None = None
    occurrence: int | None = None
    probability: float | None = None
    seconds: float = 0.0

    def __post_init__(self) -> None:
        _known("kind", self.kind, get_args(Kind))
        _known("event", self.event, (*EVENT_NAMES, ANY_EVENT))
        _known("hop", self.hop, get_args(Hop))
        if self.client is not None:
            _expect(self.client, "client", self.client, "an MQTT client id")
            _expect(not set(_RESERVED) & set(self.client), "client", self.client, f"none of the characters {_RESERVED}")
        if self.occurrence is not None:
            _expect(self.occurrence >= 1, "occurrence", self.occurrence, "a whole number from 1")
            _expect(self.probability is None, "occurrence", self.occurrence, "either #K or %P, not both")
        if self.probability is not None:
            _expect(0 <= self.probability <= 1, "probability", self.probability, "a number from 0 to 1")
        if self.kind == "delay":
            _expect(0 < self.seconds < math.inf, "seconds", self.seconds, "=SECONDS above 0 at the end of a delay")
        else:
            _expect(self.seconds == 0, "seconds", self.seconds, f"no =SECONDS for the kind {self.kind}")

    def __str__(self) -> str:
        text = f"{self.event}@{self.hop}"
        if self.client is not None:
            text += f":{self.client}"
        if self.occurrence is not None:
            text += f"#{self.occurrence}"
        if self.probability is not None:
            text += f"%{_number(self.probability)}"
        if self.seconds:
            text += f"={_number(self.seconds)}"
        return text


def parse_fault(text: str, kind: Kind) -> Fault:
    """The fault that `text` describes (form: see the module); raises FaultSyntaxError."""
    try:
        return _parse(text, kind)
    except FaultSyntaxError as error:
        form = "EVENT@HOP[:CLIENT][#K or %P]" + ("=SECONDS" if kind == "delay" else "")
        raise FaultSyntaxError(f"{text!r} is no fault to {kind}: {error} (the form is {form})") from None


def _parse(text: str, kind: Kind) -> Fault:
    event, at, rest = text.partition("@")
    _known("event", event, (*EVENT_NAMES, ANY_EVENT))
    _expect(at, "hop", "", f"@ and one of {', '.join(get_args(Hop))}")
    rest, equals, seconds = rest.partition("=")
    rest, percent, probability = rest.partition("%")
    rest, number_sign, occurrence = rest.partition("#")
    hop, colon, client = rest.partition(":")
    _known("hop", hop, get_args(Hop))
    if number_sign:
        _expect(occurrence.isascii() and occurrence.isdigit(), "occurrence", occurrence, "a whole number from 1")
    return Fault(
        kind,
        event,
        TO_BROKER if hop == TO_BROKER else FROM_BROKER,
        client=client if colon else None,
        occurrence=int(occurrence) if number_sign else None,
        probability=_float("probability", probability, "a number from 0 to 1") if percent else None,
        seconds=_float("seconds", seconds, "a number above 0") if equals else 0.0,
    )


def _expect(held: object, part: str, found: object, expected: str) -> None:
    if not held:
        raise FaultSyntaxError(f"{part} {found!r}: expected {expected}")


def _known(part: str, name: str, names: tuple[str, ...]) -> None:
    if name in names:
        return
    lowered = {known.lower(): known for known in names}
    near = difflib.get_close_matches(name.lower(), lowered, n=1)
    hint = f"; did you mean {lowered[near[0]]}?" if near else ""
    _expect(False, part, name, f"one of {', '.join(names)}{hint}")


def _float(part: str, text: str, expected: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise FaultSyntaxError(f"{part} {text!r}: expected {expected}") from None


def _number(value: float) -> str:
    return repr(float(value)).removesuffix(".0")


class Verdict(NamedTuple):
    """What becomes of one event on one hop: lost, or passed on `1 + duplicates` times after `delay` seconds."""

    lost: bool = False
    duplicates: int = 0
    delay: float = 0.0


class FaultPlan:
    """Faults, and how often each has matched and was injected so far.

    Faults count independently of each other. Of several for one event a loss wins, duplicates and delays add up.
    The same faults, seed and sequence of `decide` calls give the same verdicts, on any machine.
    """

    def __init__(
        self,
        faults: Iterable[Fault] = (),
        seed: int = 0,
        told: Callable[[Fault], None] = lambda _: None,
        *,
        armed: bool = True,
    ) -> None:
        """`told` is called with each fault as it is injected. Unless it is `armed`, all passes and nothing counts."""
        self.faults = tuple(faults)
        self._told = told
        self._armed = armed
        self._matched = [0] * len(self.faults)
        self._injected = [0] * len(self.faults)
        # A generator for each fault: another fault next to it does not change when this one is injected.
        self._random = [random.Random(f"{seed} {i} {fault}") for i, fault in enumerate(self.faults)]  # noqa: S311 - repeatable on purpose

    def decide(self, event_name: str, hop: Hop, client: str) -> Verdict:
        """The verdict on the next event of this name on this hop; `client` publishes (to-broker) or receives it."""
        if not self._armed:
            return Verdict()
        injected = [
            fault
            for index, fault in enumerate(self.faults)
            if fault.event in (event_name, ANY_EVENT)
            and fault.hop == hop
            and fault.client in (client, None)
            and self._strikes(index, fault)
        ]
        return Verdict(
            lost=any(fault.kind == "lose" for fault in injected),
            duplicates=sum(fault.kind == "duplicate" for fault in injected),
            delay=sum(fault.seconds for fault in injected),
        )

    def arm(self) -> None:
        """From here on faults are injected, and what they match counts."""
        self._armed = True

    def unused(self) -> tuple[Fault, ...]:
        """The faults that were never injected: a loss that was asked for and did not happen proves nothing."""
        return tuple(fault for fault, injected in zip(self.faults, self._injected, strict=True) if not injected)

    def _strikes(self, index: int, fault: Fault) -> bool:
        self._matched[index] += 1
        if fault.occurrence is not None:
            is_injected = self._matched[index] == fault.occurrence
        elif fault.probability is not None:
            is_injected = self._random[index].random() < fault.probability
        else:
            is_injected = True
        if is_injected:
            self._injected[index] += 1
            self._told(fault)
        return is_injected
