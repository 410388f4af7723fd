"""Whether a chart with a fault acts like the chart itself: compared step by step, by a machine.

Two charts are bisimilar (Milner, "Communication and Concurrency", 1989) if from where they begin each step of one can
be answered by the same step of the other, and that leads to charts that are bisimilar again. A step is a message sent,
with all that it carries and to whom, or what is done with one that comes: taken, ignored, put off or refused. What can
come is not all that could be thought of: it is what came, in the same local state of the chart without a fault, in a
run of a closed system. A fault that no such input brings to light makes no difference to any of these systems.

The closed systems are those of all diagrams and use cases, and those of the explorer: losses, duplicates, timeouts that
expire early, crashes and lost connections, for hardened torrent servers, too. A comparison comes to each local state
that was met there (`missed`).
"""

from collections import deque
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from machines import DistributionView, TorrentServer, Tracker
from machines.participant import Participant, Snapshot
from spec.exploration.explore import Options, explore
from spec.exploration.model.node import Server
from spec.exploration.model.scenario import Recast, scenario
from spec.system.process import ChartMachine, Sending, Steps, Taking, steps_of
from tests.mutation.mutants import copy_of

Scenarios = Sequence[tuple[str, int, bool]]
"""Of the explorer's: the name, how many torrent servers, and whether these are hardened."""
SOME: Scenarios = (("default", 1, False), ("default", 1, True))
MANY: Scenarios = (
    *SOME,
    ("losses", 2, False),
    ("duplicates", 2, False),
    ("leaving", 2, False),
    ("rivals", 2, False),
    ("disconnected", 2, False),
    ("duplicates", 2, True),
)
MOST = 400_000
"""States of a scenario; all but three have fewer."""
RENUMBERED = frozenset({"attempt", "attempts", "requests", "hello", "request"})
"""What the explorer numbers anew after each step (`spec.exploration.model`): its states differ in these alone."""


@dataclass
class Behaviour:
    """What charts without a fault were asked in the runs of closed systems, and did."""

    sends: dict[Snapshot, tuple[Sending, ...]] = field(default_factory=dict)
    sent: dict[Snapshot, dict[Sending, Snapshot]] = field(default_factory=dict)
    received: dict[Snapshot, dict[tuple[Hashable, str], tuple[Taking, Snapshot]]] = field(default_factory=dict)
    like: dict[Hashable, set[Snapshot]] = field(default_factory=dict)
    """The snapshots that are one but for what is numbered anew."""
    beginnings: set[Snapshot] = field(default_factory=set)

    def learn(self, steps: Steps) -> None:
        """Add what a chart's class has been asked. What was refused never came: it would have been reported."""
        self.sends |= steps.sends
        for (here, sending), then in steps.sent.items():
            if then is not None:
                self.sent.setdefault(here, {})[sending] = then
        for (here, message, sender), (taking, then, _) in steps.received.items():
            if taking is not Taking.REFUSED:
                self.received.setdefault(here, {})[message, sender] = (taking, then)
        for here in {*steps.sends, *(key[0] for key in steps.received)}:
            self.like.setdefault(_unnumbered(here), set()).add(here)


def explored(scenarios: Scenarios) -> dict[str, Behaviour]:
    """What charts without a fault do in the explorer's closed systems, by the chart's name.

    Not clocks: what they hold is numbered anew.
    """
    charts = {chart.__name__: copy_of(chart) for chart in (Tracker, TorrentServer, DistributionView)}
    found = {name: Behaviour() for name in charts}
    for name, torrents, hardened in scenarios:
        recast = Recast(replace(scenario(name), torrents=torrents, hardened=hardened), charts)
        for node in recast.build().nodes:
            assert isinstance(node, Server)
            for role in ("client", "view"):
                found[type(getattr(node, role)).__name__].beginnings.add(getattr(node.initial, role))
        explore(recast, Options(symmetric=False, reduced=False, most=MOST))
    for name, chart in charts.items():
        found[name].learn(steps_of(chart))
    return found


def difference(original: Behaviour, faulty: Participant, *, limit: int = 100_000) -> str | None:
    """The first step in which a chart with a fault differs from the original, as words; None if they are bisimilar."""
    machine = ChartMachine(faulty)
    todo = deque((begin, begin) for begin in sorted(original.beginnings, key=repr))
    seen = set(todo)
    while todo:
        ours, theirs = todo.popleft()
        if len(seen) > limit:
            return f"undecided after {limit} pairs of states"
        where = "/".join(ours.states)
        following: list[tuple[Snapshot, Snapshot]] = []
        if ours in original.sends:
            due, other = set(original.sends[ours]), set(machine.sends(theirs))
            if due != other:
                return f"in {where} {_named(due)} is due, in the faulty chart {_named(other)}"
            for sending, then in original.sent.get(ours, {}).items():
                after = machine.send(theirs, sending)
                if after is None:
                    return f"in {where} the faulty chart cannot send {type(sending.message).__name__}"
                following.append((then, after))
        for (message, sender), (taking, then) in original.received.get(ours, {}).items():
            how, after, _ = machine.receive(theirs, message, sender)
            if how is not taking:
                return f"in {where} {type(message).__name__} is {taking.value}, by the faulty chart {how.value}"
            following.append((then, after))
        for pair in following:
            for met in _renumbered(*pair, original.like):
                if met not in seen:
                    seen.add(met)
                    todo.append(met)
    return None


def missed(original: Behaviour) -> set[Snapshot]:
    """The states of a chart that a comparison would not come to."""
    todo = list(original.beginnings)
    seen = set(todo)
    while todo:
        here = todo.pop()
        then = [
            *original.sent.get(here, {}).values(),
            *(after for _, after in original.received.get(here, {}).values()),
        ]
        met = {other for after in then for other, _ in _renumbered(after, after, original.like)} - seen
        seen |= met
        todo += met
    return original.sends.keys() - seen


def _named(due: Collection[Sending]) -> str:
    return ", ".join(sorted(f"{sending.message} to {sending.to}" for sending in due)) or "nothing"


def _unnumbered(snapshot: Snapshot) -> Hashable:
    names = [each.name for each in fields(snapshot.data) if each.name not in RENUMBERED]
    return snapshot.states, type(snapshot.data), tuple(getattr(snapshot.data, name) for name in names)


def _renumbered(
    ours: Snapshot, theirs: Snapshot, like: Mapping[Hashable, set[Snapshot]]
) -> Iterable[tuple[Snapshot, Snapshot]]:
    """The pair itself, and as it goes on where the explorer has numbered it anew."""
    yield ours, theirs
    names = [each.name for each in fields(ours.data) if each.name in RENUMBERED]
    if any(getattr(ours.data, name) != getattr(theirs.data, name) for name in names):
        return
    for other in like.get(_unnumbered(ours), ()):
        data: Any = theirs.data
        yield other, theirs._replace(data=replace(data, **{name: getattr(other.data, name) for name in names}))
