"""Diagrams and charts as data that can be printed, made, and cut down: what the generator makes and the shrinker
shrinks.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from statemachine import Event, State, StateChart

from spec.binding import Begin, Binding, MayBeUndrawn, Player
from tests.spec.conformance.world import SILENT, Setting

# Diagrams.


@dataclass(frozen=True)
class Arrow:
    """An arrow; an empty end is outside."""

    sender: str
    receiver: str
    message: str
    lost: bool = False

    def lines(self) -> Iterator[str]:
        """As text."""
        yield f"{self.sender or '['}{'-x' if self.lost else '->'}{self.receiver or ']'}:{self.message}"


@dataclass(frozen=True)
class Block:
    """A fragment with operands, or `parallel` with one."""

    kind: str
    operands: tuple[Body, ...]
    guard: str = ""

    def lines(self) -> Iterator[str]:
        """As text."""
        yield f"{self.kind} {self.guard}".rstrip()
        for number, operand in enumerate(self.operands):
            if number:
                yield "thread" if self.kind == "par" else "else"
            yield from lines(operand)
        yield "parallel off" if self.kind == "parallel" else "end"


@dataclass(frozen=True)
class Refer:
    """A reference to another diagram, by its frame, over all lifelines."""

    over: tuple[str, ...]
    frame: str

    def lines(self) -> Iterator[str]:
        """As text."""
        yield f"ref over {','.join(self.over)}:{self.frame}"


Node = Arrow | Block | Refer
Body = tuple[Node, ...]


def lines(body: Body) -> Iterator[str]:
    """The lines of a body."""
    return itertools.chain.from_iterable(node.lines() for node in body)


def arrows(body: Body) -> Iterator[Arrow]:
    """All arrows that stand in it."""
    for node in body:
        if isinstance(node, Arrow):
            yield node
        elif isinstance(node, Block):
            for operand in node.operands:
                yield from arrows(operand)


# Charts.


class Transition(NamedTuple):
    """One transition; `peer` is the only other end that it is for; `when` and `then` are Python code."""

    source: int
    label: str
    target: int
    peer: str = ""
    when: str = ""
    then: str = ""


@dataclass(frozen=True)
class Chart:
    """A chart; state 0 is the initial one. If `encoded`, where it is stands in its data, not in its configuration."""

    transitions: tuple[Transition, ...] = ()
    encoded: bool = False
    several: bool = False
    """Whether each transition has an event of its own: several of one name can be enabled at once."""

    def program(self, name: str) -> str:
        """The Python text of its class."""
        table = list(self._written())
        reached, todo = {0}, [0]
        while todo:
            here = todo.pop()
            new = {t.target for t in table if t.source == here} - reached
            reached |= new
            todo += new
        table = [t for t in table if t.source in reached]
        sources = {t.source for t in table}
        text = [f"class {name}(StateChart):", "    validate_final_reachability = False"]
        for state in sorted(reached):
            kinds = [*(["initial=True"] if not state else []), *(["final=True"] if state not in sources else [])]
            text.append(f"    s{state} = State({', '.join(kinds)})")
        methods: list[str] = []
        events: dict[str, list[str]] = {}
        for number, each in enumerate(table):
            when = " and ".join(part for part in (f"peer == {each.peer!r}" if each.peer else "", each.when) if part)
            said = ""
            for kind, code in (("cond", f"return {when}" if when else ""), ("on", each.then)):
                if code:
                    said += f', {kind}="{kind}_{number}"'
                    peer = "sender" if each.label[0] == "?" else "to"
                    head = f"    def {kind}_{number}(self, {peer}=''):\n"
                    methods.append(f"{head}        peer = {peer}\n        {code}\n")
            key = f"{each.label}/{number}" if self.several else each.label
            events.setdefault(key, []).append(f"s{each.source}.to(s{each.target}{said})")
        silent = [f"e{number}" for number, key in enumerate(events) if key[0] == SILENT]
        if silent:
            text.append(f"    internal = {tuple(silent)!r}")
        for number, (key, edges) in enumerate(events.items()):
            text.append(f'    e{number} = Event({" | ".join(edges)}, name="{key.partition("/")[0]}")')
        text.append("    def __init__(self):\n        self.place = self.n = 0\n        self.seen = frozenset()")
        text.append("        super().__init__()")
        return "\n".join([*text, *methods]) + "\n"

    def _written(self) -> Iterator[Transition]:
        for t in self.transitions:
            if not self.encoded:
                yield t
                continue
            when = " and ".join(part for part in (f"self.place == {t.source}", t.when) if part)
            then = "; ".join(part for part in (f"self.place = {t.target}", t.then) if part)
            yield t._replace(source=min(t.source, 1), target=min(t.target, 1), when=when, then=then)


def made(program: str, name: str) -> type[StateChart[Any]]:
    """The class that a program defines."""
    scope: dict[str, Any] = {"StateChart": StateChart, "State": State, "Event": Event}
    exec(program, scope)
    found: type[StateChart[Any]] = scope[name]
    return found


# Pairs.


@dataclass(frozen=True)
class Pair:
    """Diagrams of one use case, those that they refer to, the chart of each lifeline, and what a binding says."""

    charts: Mapping[str, Chart]
    diagrams: tuple[Body, ...]
    referred: Mapping[str, Body]
    setting: Setting
    declared: bool = True
    """Whether each diagram has all lifelines; otherwise the first one has, and others those that they draw."""

    def texts(self) -> list[str]:
        """The diagrams."""
        declared = [f"participant {name}" for name in self.charts]
        found = []
        for number, body in enumerate(self.diagrams):
            shown = declared if self.declared or number == 0 else []
            found.append("\n".join([f"title Use ({number})", *shown, *lines(body), ""]))
        return found

    def frames(self) -> list[str]:
        """The diagrams that are referred to."""
        return ["\n".join([f"frame {name}", *lines(body), ""]) for name, body in self.referred.items()]

    def programs(self) -> dict[str, str]:
        """The text of each chart."""
        return {name: chart.program(name) for name, chart in self.charts.items()}

    def classes(self) -> dict[str, type[StateChart[Any]]]:
        """The charts, made."""
        return {name: made(text, name) for name, text in self.programs().items()}

    def binding(self) -> Binding:
        """What is said of it, as a binding."""
        return binding_of(self.setting, self.charts, self.routes())

    def routes(self) -> dict[str, tuple[str, ...]]:
        """The receivers that are drawn of what leaves the diagram: these, and somebody outside."""
        drawn: dict[str, dict[str, None]] = {}
        sent = {t.label[1:] for chart in self.charts.values() for t in chart.transitions if t.label[:1] == "!"}
        for body in (*self.diagrams, *self.referred.values()):
            for arrow in arrows(body):
                if arrow.sender and arrow.message in sent:
                    drawn.setdefault(f"{arrow.sender} {arrow.message}", {})[arrow.receiver or "]"] = None
        return {key: tuple(receivers) for key, receivers in drawn.items() if "]" in receivers}

    def actions(self) -> frozenset[str]:
        """The actions of all charts."""
        return frozenset(t.label for chart in self.charts.values() for t in chart.transitions if t.label != SILENT)

    def with_chart(self, name: str, chart: Chart) -> Pair:
        """The pair with another chart for a lifeline."""
        return replace(self, charts={**self.charts, name: chart})

    def program(self) -> str:
        """Python text that asks the oracle and the checker about this pair."""
        said = "\n".join(self.programs().values())
        charts = ", ".join(f"{name!r}: {name}" for name in self.charts)
        return (
            "from statemachine import Event, State, StateChart\n\n"
            "from spec.conformance.checker import check_all\n"
            "from tests.spec.conformance.oracle import answer\n"
            "from tests.spec.conformance.pair import binding_of\n"
            "from tests.spec.conformance.world import Setting\n\n\n"
            f"{said}\n"
            f"texts = {_quoted(self.texts())}\n"
            f"referred = {_quoted(self.frames())}\n"
            f"setting = {self.setting!r}\n"
            f"charts = {{{charts}}}\n"
            "print(answer(texts, referred, charts, setting))\n"
            "named = [(f'd{n}.txt', text) for n, text in enumerate(texts)]\n"
            "others = [(f'r{n}.txt', text) for n, text in enumerate(referred)]\n"
            f"binding = binding_of(setting, charts, {self.routes()!r})\n"
            "print(check_all(named, binding, charts, referred=others))\n"
        )


def binding_of(setting: Setting, names: Iterable[str], routes: Mapping[str, tuple[str, ...]]) -> Binding:
    """A setting as a binding, with receivers of what lifelines send."""
    players = {
        name: Player(name, group=setting.groups.get(name, ""), patient=name in setting.patient) for name in names
    }
    may_be_undrawn = tuple(MayBeUndrawn(frozenset({name}), (action,)) for name, action in setting.may_be_undrawn)
    begin = Begin("*", {}, {}, patient=setting.patience, recurring=setting.recurring)
    return Binding(
        players=players,
        may_be_undrawn=may_be_undrawn,
        begins=(begin,),
        channels=setting.channels,  # type: ignore[arg-type]
        routes=routes,
    )


def _quoted(texts: list[str]) -> str:
    return "[" + "".join(f'\n    """{text}""",' for text in texts) + ("\n]" if texts else "]")
