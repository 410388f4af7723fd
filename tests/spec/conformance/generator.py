"""Random pairs of diagrams and charts: charts that do what diagrams draw, and such charts with something changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from random import Random

from tests.spec.conformance.language import Event, Order, Orders, Reading, TooLarge
from tests.spec.conformance.pair import Arrow, Block, Body, Chart, Node, Pair, Refer, Transition, arrows
from tests.spec.conformance.world import SILENT, Setting

NAMES = ("A", "B", "C", "D")
WORDS = ("ask", "bid", "cry", "dot")
MOST_STATES = 24


@dataclass(frozen=True)
class Features:
    """What may be in a pair."""

    several: bool = False
    """Events of one name that are enabled at once."""
    internal: bool = False
    """Steps of charts that nobody sees."""
    dense: bool = False
    """More of all that is rare otherwise."""
    undeclared: bool = False
    """Diagrams without lifelines that others have."""
    strict: bool = True
    recurring: bool = True


# Diagrams.


class Drawing:
    """A random diagram of at most so many arrows."""

    def __init__(self, random: Random, names: tuple[str, ...], words: tuple[str, ...], features: Features) -> None:
        self.random = random
        self.names = names
        self.words = words
        self.features = features
        self.cause = random.choice(names)
        """Who has something to do next, probably."""
        self.is_tame = random.random() < 0.7
        self.gates = random.random() < 0.15
        self.losses = random.random() < 0.4

    def body(self, size: int, depth: int = 0, *, can_break: bool = True) -> Body:
        """Statements with about `size` arrows."""
        found: list[Node] = []
        while size > 0:
            used = self.random.randint(1, size)
            if depth < 3 and used > 1 and self.random.random() < (0.45 if depth else 0.6):
                found.append(self._block(used, depth, can_break=can_break))
                size -= used
            else:
                found.append(self.arrow())
                size -= 1
        return tuple(found)

    def arrow(self, sender: str = "", word: str = "") -> Arrow:
        """An arrow, mostly from who has just received something."""
        random = self.random
        sender = sender or (
            self.cause if random.random() < (0.85 if self.is_tame else 0.5) else random.choice(self.names)
        )
        receiver = random.choice([name for name in self.names if name != sender])
        word = word or random.choice(self.words)
        if self.gates and random.random() < 0.25:
            if random.random() < 0.6:
                self.cause = sender
                return Arrow("", sender, word)
            return Arrow(sender, "", word)
        if self.losses and random.random() < 0.25:
            return Arrow(sender, receiver, word, lost=True)
        self.cause = receiver
        return Arrow(sender, receiver, word)

    def _block(self, size: int, depth: int, *, can_break: bool) -> Node:
        random = self.random
        kinds = ["alt"] * 6 + ["opt", "loop", "loop", "par", "par", "parallel", "critical", "seq", "group"]
        kinds += ["strict"] * 2 if self.features.strict else []
        kinds += ["break"] * 2 if can_break else []
        kind = random.choice(kinds)
        if kind == "alt":
            return Block("alt", self._branches(size, depth))
        if kind in {"par", "strict"} and random.random() < 0.7:
            return Block(kind, self._operands(size, depth))
        if kind in {"par", "strict", "parallel"}:
            return Block(kind, (self.body(size, depth + 1, can_break=False),))
        if kind == "loop":
            low = random.randint(0, 2)
            high = max(1, low + random.randint(0, 2 - low // 2))
            guard = f"{low},{high}" if low != high else f"{low}"
            return Block("loop", (self.body(max(1, size // 2), depth + 1),), guard)
        return Block(kind, (self.body(size, depth + 1),))

    def _operands(self, size: int, depth: int) -> tuple[Body, ...]:
        cause, found = self.cause, []
        for part in self._parts(size):
            self.cause = cause
            found.append(self.body(part, depth + 1))
        return tuple(found)

    def _branches(self, size: int, depth: int) -> tuple[Body, ...]:
        """Branches that, in a tame diagram, one lifeline chooses and begins."""
        if self.random.random() < 0.1:
            return (self.body(size, depth + 1),)
        chooser, found = self.cause, []
        words = self.random.sample(self.words, len(self.words))
        after = self.cause
        for number, part in enumerate(self._parts(size)):
            self.cause = chooser
            if self.is_tame:
                first = self.arrow(chooser, words[number % len(words)])
                found.append((first, *self.body(part - 1, depth + 1)))
            else:
                found.append(self.body(part, depth + 1))
            after = self.cause
        self.cause = after
        return tuple(found)

    def _parts(self, size: int) -> list[int]:
        first = self.random.randint(1, max(1, size - 1))
        rest = max(1, size - first)
        if rest > 1 and self.random.random() < 0.2:
            return [first, 1, rest - 1]
        return [first, rest]


# Charts.


def chart_of(orders: Orders, name: str, *, recurring: bool) -> Chart:
    """A chart that does just what diagrams draw of a lifeline. Raises `TooLarge`."""
    local = [_Local(order, name) for order in orders]
    start = _closed(frozenset((n, 0) for n in range(len(local))), local, recurring=recurring)
    numbers = {start: 0}
    todo = [start]
    found: list[Transition] = []
    while todo:
        here = todo.pop(0)
        following: dict[tuple[str, str], set[tuple[int, int]]] = {}
        for number, done in here:
            for event, then in local[number].steps(done):
                following.setdefault((event.kind + event.message, event.peer), set()).add((number, then))
        for (label, peer), then_set in sorted(following.items()):
            there = _closed(frozenset(then_set), local, recurring=recurring)
            if there not in numbers:
                numbers[there] = len(numbers)
                todo.append(there)
            found.append(Transition(numbers[here], label, numbers[there], peer))
        if len(numbers) > MOST_STATES:
            raise TooLarge("states of a chart")
    return Chart(tuple(found))


class _Local:
    """What an order leaves to one lifeline."""

    def __init__(self, order: Order, name: str) -> None:
        self.order = order
        self.mine = order.of.get(name, 0)
        closed: list[int] = []
        for place in range(len(order.events)):
            mask = order.before[place]
            for other in range(place):
                if mask & 1 << other:
                    mask |= closed[other]
            closed.append(mask)
        self.before = closed

    def steps(self, done: int) -> Iterator[tuple[Event, int]]:
        for place, event in enumerate(self.order.events):
            bit = 1 << place
            if self.mine & bit and not done & bit and not self.before[place] & self.mine & ~done:
                regions = (region & self.mine for region in self.order.regions if not region & bit)
                if not any(held & done and held & ~done for held in regions):
                    yield event, done | bit


def _closed(here: frozenset[tuple[int, int]], local: list[_Local], *, recurring: bool) -> frozenset[tuple[int, int]]:
    if recurring and any(done == local[number].mine for number, done in here):
        here |= frozenset((number, 0) for number in range(len(local)))
    over = {number for number, done in here if done == local[number].mine}
    return frozenset(each for each in here if each[0] not in over or each[1]) | frozenset(
        (number, local[number].mine) for number in over
    )


def smaller(chart: Chart) -> Chart:
    """The chart with states merged that can do the same for ever."""
    states = sorted({0, *(s for t in chart.transitions for s in (t.source, t.target))})
    block = dict.fromkeys(states, 0)
    while True:
        said = {
            s: (block[s], frozenset((t.label, t.peer, block[t.target]) for t in chart.transitions if t.source == s))
            for s in states
        }
        numbers: dict[object, int] = {}
        after = {s: numbers.setdefault(said[s], len(numbers)) for s in states}
        if len(numbers) == len(set(block.values())):
            break
        block = after
    moved = (t._replace(source=block[t.source], target=block[t.target]) for t in chart.transitions)
    return replace(chart, transitions=tuple(dict.fromkeys(moved)))


def without_needless_peers(chart: Chart, names: Iterable[tuple[str, str]]) -> Chart:
    """The chart that asks for the other end only where there can be several; `names` are all its labels and peers."""
    ends: dict[str, set[str]] = {}
    for label, peer in names:
        ends.setdefault(label, set()).add(peer)
    kept = (t if len(ends[t.label]) > 1 and t.peer else t._replace(peer="") for t in chart.transitions)
    return replace(chart, transitions=tuple(kept))


class Mutating:
    """Changes to charts, one at a time."""

    def __init__(self, random: Random, pair: Pair) -> None:
        self.random = random
        self.pair = pair

    def one(self) -> Pair:
        """The pair with one chart changed."""
        names = [name for name, chart in self.pair.charts.items() if chart.transitions]
        if not names:
            return self.pair
        name = self.random.choice(names)
        chart = self.pair.charts[name]
        change = self.random.choice(
            [
                self._drop,
                self._redirect,
                self._redirect,
                self._add,
                self._rename,
                self._merge,
                self._unguard,
                self._count,
                self._see,
                self._turn,
            ]
        )
        return self.pair.with_chart(name, change(chart))

    def _states(self, chart: Chart) -> list[int]:
        return sorted({0, *(s for t in chart.transitions for s in (t.source, t.target))})

    def _any(self, chart: Chart) -> int:
        return self.random.randrange(len(chart.transitions)) if chart.transitions else -1

    def _with(self, chart: Chart, place: int, *new: Transition) -> Chart:
        if place < 0:
            return chart
        old = chart.transitions
        return replace(chart, transitions=(*old[:place], *new, *old[place + 1 :]))

    def _drop(self, chart: Chart) -> Chart:
        return self._with(chart, self._any(chart))

    def _redirect(self, chart: Chart) -> Chart:
        place = self._any(chart)
        return self._with(
            chart, place, chart.transitions[place]._replace(target=self.random.choice(self._states(chart)))
        )

    def _label(self) -> str:
        return self.random.choice("!?") + self.random.choice(WORDS)

    def _add(self, chart: Chart) -> Chart:
        states = self._states(chart)
        target = self.random.choice([*states, max(states) + 1])
        label = self.random.choice([*(t.label for t in chart.transitions), self._label()])
        new = Transition(self.random.choice(states), label, target)
        first = self.random.random() < 0.3
        return replace(chart, transitions=(new, *chart.transitions) if first else (*chart.transitions, new))

    def _rename(self, chart: Chart) -> Chart:
        place = self._any(chart)
        old = chart.transitions[place]
        label = old.label[0] + self.random.choice(WORDS)
        return self._with(chart, place, old._replace(label=label))

    def _turn(self, chart: Chart) -> Chart:
        """Two transitions that follow each other, the other way round."""
        found = [(a, b) for a in chart.transitions for b in chart.transitions if a.target == b.source != a.source]
        if not found:
            return chart
        one, other = self.random.choice(found)
        new = (t for t in chart.transitions if t not in {one, other})
        first = one._replace(label=other.label, peer=other.peer)
        return replace(chart, transitions=(*new, first, other._replace(label=one.label, peer=one.peer)))

    def _merge(self, chart: Chart) -> Chart:
        """Two states as one."""
        states = self._states(chart)
        one, other = self.random.choice(states), self.random.choice(states)
        at = {state: min(one, other) if state in {one, other} else state for state in states}
        moved = (t._replace(source=at[t.source], target=at[t.target]) for t in chart.transitions)
        return replace(chart, transitions=tuple(dict.fromkeys(moved)))

    def _unguard(self, chart: Chart) -> Chart:
        return replace(chart, transitions=tuple(t._replace(peer="", when="") for t in chart.transitions))

    def _count(self, chart: Chart) -> Chart:
        """One label, so many times at most."""
        place = self._any(chart)
        label, most = chart.transitions[place].label, self.random.randint(1, 2)
        return self._data(chart, label, f"self.n < {most}", "self.n += 1")

    def _see(self, chart: Chart) -> Chart:
        """One label, once for each other end."""
        place = self._any(chart)
        return self._data(chart, chart.transitions[place].label, "peer not in self.seen", "self.seen |= {peer}")

    def _data(self, chart: Chart, label: str, when: str, then: str) -> Chart:
        new = (t._replace(when=when, then=then) if t.label == label else t for t in chart.transitions)
        return replace(chart, transitions=tuple(new))


# Pairs.


def pair_of(random: Random, features: Features, *, mutations: int) -> Pair:
    """A random pair. Raises `TooLarge` where the diagrams are."""
    names = NAMES[: random.choice([2, 3, 3, 3, 4])]
    words = tuple(random.sample(WORDS, random.choice([1, 2, 3, 3, 4])))
    several = random.random() < (0.6 if features.dense or features.undeclared else 0.3)
    drawings = [Drawing(random, names, words, features) for _ in range(2 if several else 1)]
    bodies = [drawing.body(random.randint(1, 4 if several else 7)) for drawing in drawings]
    referred: dict[str, Body] = {}
    if random.random() < 0.12:
        referred["Part"] = drawings[0].body(random.randint(1, 3))
        place = random.randint(0, len(bodies[0]))
        bodies[0] = (*bodies[0][:place], Refer(names, "Part"), *bodies[0][place:])
    drawn = (arrow for body in (*bodies, *referred.values()) for arrow in arrows(body))
    lost = {frozenset({arrow.sender, arrow.receiver}) for arrow in drawn if arrow.lost}
    setting = _setting(random, names, features, lost)
    bare = Pair(dict.fromkeys(names, Chart()), tuple(bodies), referred, setting, declared=not features.undeclared)
    reading = Reading([*bare.texts(), *bare.frames()])
    orders = tuple(order for diagram in reading.diagrams[: len(bodies)] for order in reading.resolutions(diagram))
    charts = {name: _chart(random, orders, name, setting, features) for name in names}
    pair = replace(bare, charts=charts)
    for _ in range(random.choice([1, 1, 2, 3] if features.dense else [0, 0, 0, 1, 1, 2])):
        pair = _may_be_undrawn(random, pair)
    if features.internal:
        for name in random.sample(names, random.randint(1, 2)):
            pair = pair.with_chart(name, _once(random, pair.charts[name], SILENT))
    for _ in range(mutations):
        pair = Mutating(random, pair).one()
    known = pair.actions()
    rows = tuple(row for row in pair.setting.may_be_undrawn if row[1] in known)
    return replace(pair, setting=replace(pair.setting, may_be_undrawn=rows))


def _chart(random: Random, orders: Orders, name: str, setting: Setting, features: Features) -> Chart:
    chart = chart_of(orders, name, recurring=setting.recurring)
    if random.random() < 0.6:
        chart = smaller(chart)
    ends = {
        (event.kind + event.message, event.peer) for order in orders for event in order.events if event.lifeline == name
    }
    if random.random() < 0.9:
        chart = without_needless_peers(chart, ends)
    else:
        chart = replace(chart, transitions=tuple(dict.fromkeys(t._replace(peer="") for t in chart.transitions)))
    return replace(chart, encoded=random.random() < 0.2, several=features.several and random.random() < 0.4)


def _setting(random: Random, names: tuple[str, ...], features: Features, lost: AbstractSet[frozenset[str]]) -> Setting:
    """`lost` are the ends of arrows that are drawn lost: these are no parts of one server."""
    groups: Mapping[str, str] = {}
    often = 0.6 if features.dense else 0.35
    if random.random() < often:
        parts = random.sample(names, 2)
        groups = {} if frozenset(parts) in lost else dict.fromkeys(parts, "server")
    patient = frozenset(random.sample(names, 1)) if random.random() < often else frozenset()
    return Setting(
        channels=random.choice(["receiver", "receiver", "receiver", "pair", "any", "any"]),
        groups=groups,
        patient=patient,
        patience=not patient or random.random() < 0.75,
        recurring=features.recurring and random.random() < (0.2 if features.dense else 0.12),
    )


def _may_be_undrawn(random: Random, pair: Pair) -> Pair:
    """The pair with something that may happen undrawn, and with charts that do it once, in some states."""
    drawn = [arrow for body in pair.diagrams for arrow in arrows(body) if arrow.sender and arrow.receiver]
    rows: list[tuple[str, str]] = []
    if drawn and random.random() < 0.5:
        arrow = random.choice(drawn)
        rows = [(arrow.sender, f"!{arrow.message}"), (arrow.receiver, f"?{arrow.message}")]
        rows = rows if random.random() < 0.7 else rows[: random.choice([1, 2])]
    else:
        rows = [(random.choice(list(pair.charts)), random.choice(["!", "!", "?"]) + random.choice([*WORDS, "eke"]))]
    for name, action in rows:
        pair = pair.with_chart(name, _once(random, pair.charts[name], action))
    rows = [*pair.setting.may_be_undrawn, *rows]
    return replace(pair, setting=replace(pair.setting, may_be_undrawn=tuple(dict.fromkeys(rows))))


def _once(random: Random, chart: Chart, action: str) -> Chart:
    """The chart with an action that it can do once, in some of its states, and that changes nothing else."""
    states = sorted({0, *(s for t in chart.transitions for s in (t.source, t.target))})
    by = max(states) + 1
    where = [state for state in states if random.random() < 0.6] or [0]
    again = tuple(t._replace(source=t.source + by, target=t.target + by) for t in chart.transitions)
    new = tuple(Transition(state, action, state + by) for state in where)
    return replace(chart, transitions=(*chart.transitions, *new, *again))
