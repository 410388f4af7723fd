"""A closed system as a model for SPIN (Holzmann, "The SPIN Model Checker", 2004), for a second opinion.

The model begins from what the charts do: for each local state of a component and each message, expiry or order, what
that comes to. What follows from there is said once more, in Promela and C: connections, losses, duplicates, orders,
stabilisation, the budget of the faults. Slots, and what is pushed to them, do not occur. So the two searches share the
charts, and neither the bus nor the faults nor any search code.

Each component has the number of its local state (`at`) and its connection (`down`, and `up` where both hops are kept
apart): an array with the length in front, oldest message first, or sorted where the bus is unordered. What is free is
zero, so that equal states are equal bytes. The budget is a variable for each bounded fault, and one for stabilisation.
Where stabilisation begins with what was done unheard (`spec.exploration.model.closed`), that has a variable, too:
`past`. One process does everything, in one `d_step` for each transition. So SPIN stores the states of the closed system
and no others, and counts its transitions, and one more for the initial state.

Queues as arrays and reactions as tables in C cost SPIN the least: channels take half as many bytes again, and a guard
for each reaction, instead of a look-up, takes three times as long, with the same states and transitions.

What the charts do has to be known beforehand: the system has to be searched completely. What is missing all the same
is a hole: a model that steps into one ends at once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from machines.events import BusEvent
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.node import AGAIN
from spec.exploration.model.steps import ENDS_CONNECTION, TRACKER
from spec.exploration.model.wills import SAYS
from spec.exploration.spin.c_text import FUNCTIONS, blocks, process, step, word
from spec.exploration.spin.properties import Bad, array, braces, hops, in_c
from spec.exploration.spin.refusals import Unwritable, refuse
from spec.system.process import name_of

HOLE = -1
ONCE = -2
"""A message that is never delivered twice: it is no event of the bus."""
ORDERS = ("expire", "publish", "start", *SAYS, "stop", "disconnect", "crash", "wipe", "stabilisation")
"""What can be asked of a local state beside its messages."""
BY_BROKER = ("start", *SAYS)
"""What the broker publishes at: wills, which are on no way to it."""
TELLS = 2
"""The past is one of these and the number of a component, while that one's unheard steps are told."""


class Branch(NamedTuple):
    """One thing that a reaction can come to: the local state, what is published, and which of it is lost at once."""

    then: int
    sent: tuple[int, ...]
    lost: int = HOLE
    fault: str = ""


def write(system: ClosedSystem, bad: Bad | None = None, *, by_kind: bool = False) -> str:
    """The closed system in Promela. The system has to have been searched completely. Raises `Unwritable`.

    `by_kind`: one process for each component and each kind of step, all of whose cycles are acceptance cycles, so that
    SPIN tells whether one is fair (`spec.exploration.spin.runner.has_fair_cycle`). No fault may be possible.

    With `bad`, the model asserts that no state is one of `PROPERTIES`, words of bits that are defined when it is
    compiled, and it prints at its end which of them some state is.
    """
    refuse(system, by_kind=by_kind)
    return _Writer(system, bad, by_kind).model()


@dataclass
class _Writer:
    system: ClosedSystem
    bad: Bad | None
    by_kind: bool = False

    def __post_init__(self) -> None:
        system = self.system
        self.messages = system.numbers.messages
        self.components = range(len(system.nodes))
        self.has_up = hops(system)
        self.caps = [down or 1 for _, down in system.connections.longest]
        self.ups = [up or 1 for up, _ in system.connections.longest]
        self.left = [name for name, bound in system.faults.bounds.items() if bound]
        self.branches = self._all_branches()
        numbers: dict[object, int] = {message: number for number, message in enumerate(self.messages)}
        self.marked = [bool(getattr(message, "event_id", "")) for message in self.messages]
        self.again = [
            numbers.get(replace(message, event_id=AGAIN), HOLE) if isinstance(message, BusEvent) else ONCE
            for message in self.messages
        ]
        widest = max(len(self.messages), *(len(states) for states in system.numbers.locals), *self.caps, *self.ups)
        if widest >= 1 << 15:
            raise Unwritable(f"{widest} local states or messages: a short of Promela holds no such number")
        self.cell = "byte" if widest < 1 << 8 else "short"

    # What the charts do.

    def _all_branches(self) -> dict[tuple[int, int, int], list[Branch]]:
        """By component, local state, and what is asked: the number of a message, or of an order after those."""
        messages = len(self.messages)
        return {
            (component, local, message if kind == "read" else messages + ORDERS.index(kind)): [
                branch
                for then, sent, outcome in outcomes
                if not outcome.fault or self._happens(outcome.fault)
                for branch in self._with_losses(component, kind, Branch(then, sent, fault=outcome.fault))
            ]
            for (component, local, kind, message), outcomes in self.system.answers.known.items()
            if kind in {"read", *ORDERS}
        }

    def _with_losses(self, component: int, kind: str, branch: Branch) -> Iterator[Branch]:
        yield branch
        if (self.system.keeps_hops and not self.system.connections.lingers) or kind in {"stabilisation", *BY_BROKER}:
            return
        for place, message in enumerate(branch.sent):
            if self._can_be_lost(message) and self._hearers(component, message):
                yield branch._replace(lost=place)

    def _happens(self, fault: str) -> bool:
        return self.system.faults.bounds.get(fault, 0) != 0

    def _hearers(self, sender: int, message: int) -> tuple[int, ...]:
        return tuple(place for place, _ in self.system.delivery.recipients(sender, (message,)))

    def _can_be_lost(self, message: int) -> bool:
        faults = self.system.faults
        named = not faults.loses or name_of(self.messages[message]) in faults.loses
        return named and self._happens("losses")

    def _most_branches(self, component: int, asked: Sequence[int]) -> list[set[str]]:
        """The faults besides that are taken by the first, second ... of the ways that any local state has."""
        rows = [branches for (who, _, what), branches in self.branches.items() if who == component and what in asked]
        return [
            {fault for branches in rows for branch in branches[place : place + 1] for fault in _besides(branch)}
            for place in range(max(map(len, rows), default=0))
        ]

    # The model.

    def model(self) -> str:
        """The text."""
        steps = [step for component in self.components for step in self._steps(component)]
        if self.bad is not None:
            steps.insert(0, "  :: d_step { c_expr { (violates()) } -> assert(false) }")
        watching = () if self.bad is None else in_c(self.system, self.bad, self.left)
        return "\n".join((
            *blocks("c_decl", self._tables()),
            *self._variables(),
            *blocks("c_code", (*self._functions(), *watching)),
            *(self._processes() if self.by_kind else process("closed_system", "end", steps)),
            "",
        ))  # fmt: skip

    def _processes(self) -> Iterator[str]:
        for component in self.components:
            for number, steps in enumerate(self._kinds(component)):
                if steps:
                    yield from process(f"component{component}_{number}", "accept", steps)

    def _variables(self) -> Iterator[str]:
        begun = self.system.initial()
        for component, node in enumerate(self.system.nodes):
            local = self.system.numbers.slots[component][begun[component]].local
            yield f"{self.cell} at{component} = {local}; /* {node.name} */"
            yield f"{self.cell} down{component}[{self.caps[component] + 1}];"
            if self.has_up[component]:
                yield f"{self.cell} up{component}[{self.ups[component] + 1}];"
        yield "bool stabilisation;"
        if self.system.recalls:
            yield "byte past; /* 1: what was done unheard before it is open; more: it is told of a component */"
        yield "bool changed; /* whether the tracker stopped, crashed, or lost its connection */"
        for number, name in enumerate(self.left):
            yield f"byte left{number} = {self.system.faults.bounds[name]}; /* {name} */"

    def _tables(self) -> Iterator[str]:
        cell = "unsigned char" if self.cell == "byte" else "short"
        sent = max((len(branch.sent) for branches in self.branches.values() for branch in branches), default=0) or 1
        yield f"#define MESSAGES {len(self.messages)}"
        yield from (f"#define ASK_{word(order)} (MESSAGES + {place})" for place, order in enumerate(ORDERS))
        yield f"#define ONCE {ONCE}"
        yield f"typedef {cell} Cell; typedef unsigned long long Word;"
        yield f"typedef struct Way {{ Cell then; Cell sends; Cell sent[{sent}]; short lost; Cell fails; }} Way;"
        yield "typedef struct Asked { int first; int ways; } Asked;"
        yield array("Cell marked[]", map(int, self.marked))
        yield array("short again[]", self.again)
        yield array("Cell can_be_lost[]", (int(self._can_be_lost(m)) for m in range(len(self.messages))))
        for component in self.components:
            yield from self._tables_of(component)

    def _tables_of(self, component: int) -> Iterator[str]:
        system = self.system
        states = system.numbers.locals[component]
        known = {state: number for number, state in enumerate(states)}
        stabilisation = [known.get(system.nodes[component].unmarked(state), HOLE) for state in states]
        yield array(f"short unmarked{component}[]", stabilisation)
        yield array(f"Cell online{component}[]", map(int, system.numbers.online[component]))
        yield array(f"Cell busy{component}[]", (int(system.nodes[component].is_busy(state)) for state in states))
        for local in range(len(states)):
            listed: list[Branch] = []
            row = []
            for what in range(len(self.messages) + len(ORDERS)):
                branches = self.branches.get((component, local, what))
                row.append(braces((0, HOLE) if branches is None else (len(listed), len(branches))))
                listed += branches or ()
            texts = [
                braces(
                    (branch.then, len(branch.sent), braces(branch.sent or (0,)), branch.lost, int(bool(branch.fault)))
                )
                for branch in listed
            ]
            yield array(f"Way way{component}_{local}[]", texts or [braces((0, 0, braces((0,)), HOLE, 0))])
            yield array(f"Asked asked{component}_{local}[]", row)
        for kind, table in ("Way", "way"), ("Asked", "asked"):
            rows = (f"{table}{component}_{local}" for local in range(len(states)))
            yield array(f"{kind} *const {table}{component}[]", rows)

    def _functions(self) -> Iterator[str]:
        yield FUNCTIONS
        idle = [f"!now.down{c}[0] && !busy{c}[now.at{c}]" for c in self.components]
        idle += [f"!now.up{c}[0]" for c in self.components if self.has_up[c]]
        yield f"static int idle(void) {{ return {' && '.join(idle)}; }}"
        for component in self.components:
            yield f"static void deliver{component}(Cell m) {{ if (online{component}[now.at{component}]) "
            yield f"  {self._enqueue}(now.down{component}, {self.caps[component]}, m); }}"
        for component in self.components:
            yield from self._functions_of(component)
        if self.system.recalls:
            lefts = "".join(f" now.left{number} = 0;" for number in range(len(self.left)))
            yield f"static void go_on(void) {{ if (now.past) {{ now.past = 0;{lefts} }} }}"
        yield "static void break_all(void) {"
        for c in self.components:
            yield f"  if (online{c}[now.at{c}]) {{ finds{c}(ASK_DISCONNECT, 0); now.at{c} = found->then;"
            yield f"    empty(now.down{c}); }} {self._emptied_up(c)}"
        yield "}"

    @property
    def _enqueue(self) -> str:
        return "append" if self.system.ordered else "insert"

    def _emptied_up(self, component: int) -> str:
        return f"empty(now.up{component});" if self.has_up[component] else ""

    def _functions_of(self, component: int) -> Iterator[str]:
        """`finds` looks a way up; `publish` passes on, `settle` forgets marks, `act` takes a way."""
        c = component
        yield f"static int finds{c}(int what, int place) {{"
        yield f"  const Asked *a = &asked{c}[now.at{c}][what];"
        yield f'  if (what < 0 || a->ways < 0) give_up("hole", {c}, now.at{c}, what);'
        yield f"  found = &way{c}[now.at{c}][a->first + place]; return place < a->ways; }}"
        yield f"static void publish{c}(Cell m) {{ switch (m) {{"
        for message in range(len(self.messages)):
            hearers = self._hearers(component, message)
            if hearers:
                yield f"  case {message}: {' '.join(f'deliver{each}(m);' for each in hearers)} break;"
        yield "} }"
        yield f"static void settle{c}(void) {{ int i;"
        yield f"  for (i = 1; i <= now.down{c}[0]; i++) if (marked[now.down{c}[i]]) return;"
        yield f'  if (unmarked{c}[now.at{c}] < 0) give_up("hole", {c}, now.at{c}, -1);'
        yield f"  now.at{c} = unmarked{c}[now.at{c}]; }}"
        yield f"static void act{c}(const Way *w) {{ int i;"
        yield f"  now.at{c} = w->then; if (!online{c}[w->then]) empty(now.down{c});"
        yield f"  {self._settle(c)}"
        send = f"append(now.up{c}, {self.ups[c]}, w->sent[i])" if self.system.keeps_hops else f"publish{c}(w->sent[i])"
        yield f"  for (i = 0; i < w->sends; i++) if (i != w->lost) {send}; }}"
        if self.system.moves.has_wills:
            yield f"static void say{c}(const Way *w) {{ int i; now.at{c} = w->then; {self._settle(c)}"
            yield f"  for (i = 0; i < w->sends; i++) publish{c}(w->sent[i]); }}"
        if self.system.recalls and c != TRACKER:
            yield array(f"Cell heard{c}[]", (int(bool(self._hearers(c, m))) for m in range(len(self.messages))))
            yield f"static int tells{c}(const Way *w) {{ int i;"
            yield f"  if (now.past == {TELLS + c}) return 1;"
            yield f"  if (now.past != 1 || now.up{c}[0]) return 0;"
            yield f"  for (i = 0; i < w->sends; i++) if (i != w->lost && heard{c}[w->sent[i]]) return 1;"
            yield "  return 0; }"
            yield f"static void hold{c}(const Way *w) {{ int i; now.past = {TELLS + c};"
            yield f"  now.at{c} = w->then; if (!online{c}[w->then]) empty(now.down{c}); {self._settle(c)}"
            yield "  for (i = 0; i < w->sends; i++) if (i != w->lost && "
            yield f"    heard{c}[w->sent[i]]) append(now.up{c}, {self.ups[c]}, w->sent[i]); }}"

    # The steps.

    def _steps(self, component: int) -> Iterator[str]:
        """All that a component can do, each as one guarded step."""
        system, c = self.system, component
        for steps in self._kinds(component):
            yield from steps
        for order, fault in system.faults.orders(system.nodes[c].name):
            if self._happens(fault):
                yield from self._doing(c, order, fault)
        if c == TRACKER and system.faults.stabilisation:
            yield from self._doing(c, "stabilisation", "stabilisation")
        if c == TRACKER and self._happens("broker restart"):
            pay = self._pay("broker restart")
            yield self._ordinary(self._can_pay("broker restart"), f"{self._settle(c)} break_all(); {pay}")

    def _kinds(self, c: int) -> Iterator[list[str]]:
        """What a component does by itself, with what goes wrong on the way, by kind: it reads, and so on."""
        system = self.system
        places = [1] if system.ordered else range(1, self.caps[c] + 1)
        yield [step for place in places for step in self._reading(c, place)]
        if self.has_up[c]:
            yield [*self._forwarding(c)]
        timeouts, stabilisation = system.faults.timeouts, system.faults.stabilisation
        expiring = [*self._doing(c, "expire", "expiry")] if timeouts == "any" else []
        if timeouts == "patient":
            expiring += self._doing(c, "expire", "", "idle()")
        elif stabilisation:
            expiring += self._doing(c, "expire", "stabilisation expiry", "idle()")
        yield expiring
        yield [*self._doing(c, "publish", "")]
        read = [f"!now.up{c}[0]"] if self.has_up[c] else []
        yield [*self._doing(c, "start", "", *read)]
        if system.moves.has_wills:
            yield [*self._doing(c, "will", "", *read), *self._doing(c, "late will", "")]

    def _forwarding(self, c: int) -> Iterator[str]:
        forward = f"Cell m = now.up{c}[1]; take(now.up{c}, 1); {self._settle(c)}"
        yield self._ordinary([f"now.up{c}[0]"], f"{forward} publish{c}(m);")
        if self.system.recalls:
            yield step([f"now.past == {TELLS + c}"], "now.past = 1;")
        elif self._happens("losses"):
            guard = [f"now.up{c}[0]", f"can_be_lost[now.up{c}[1]]", *self._can_pay("losses")]
            yield step(guard, f"take(now.up{c}, 1); {self._settle(c)} {self._pay('losses')}")

    def _reading(self, c: int, place: int) -> Iterator[str]:
        system, down = self.system, f"now.down{c}"
        here = [f"{down}[0] > {place - 1}", *([f"{down}[{place}] != {down}[{place - 1}]"] if place > 1 else [])]
        messages = range(len(self.messages))
        branches = self._most_branches(c, messages)
        reads = [*here, f"!busy{c}[now.at{c}]"]
        for branch, besides in enumerate(branches):
            found = f"finds{c}({down}[{place}], {branch})"
            yield from self._branch(c, [*reads, found], f"take({down}, {place}); act{c}(found);", "", besides)
        if self._happens("losses"):
            guard, effect = [*here, f"can_be_lost[{down}[{place}]]"], f"take({down}, {place}); {self._settle(c)}"
            yield self._first([*guard, *self._can_pay("losses")], f"{effect} {self._pay('losses')}", c)
            if system.recalls and c != TRACKER:
                renders = [*guard, f"now.past == {TELLS + c}", *self._can_pay("losses")[1:]]
                yield step(renders, f"{effect} {self._pay('losses')}")
        if self._happens("duplicates"):
            for branch, besides in enumerate(branches):
                found = f"again[{down}[{place}]] != ONCE && finds{c}(again[{down}[{place}]], {branch})"
                mark = f"Cell m = again[{down}[{place}]]; take({down}, {place}); put_back({down}, m); act{c}(found);"
                mark = mark.replace("put_back", "prepend" if self.system.ordered else "insert_back")
                yield from self._branch(c, [*reads, found], mark, "duplicates", besides)

    def _doing(self, c: int, order: str, fault: str, *guard: str) -> Iterator[str]:
        """An expiry or an order."""
        empties = "" if order in {"expire", "publish", *BY_BROKER} else f"empty(now.down{c});"
        empties += self._emptied_up(c) if order in {*ENDS_CONNECTION, "stabilisation"} else ""
        arrivals = range(1, self.ups[c] + 1) if self.system.connections.lingers and order in ENDS_CONNECTION else ()
        what = f"ASK_{word(order)}"
        asked = len(self.messages) + ORDERS.index(order)
        if order in BY_BROKER and self.system.moves.has_wills:
            for branch, besides in enumerate(self._most_branches(c, (asked,))):
                said = self._paid(
                    [*guard, f"finds{c}({what}, {branch})"], f"say{c}(found);", fault, besides, from_first=0
                )
                yield self._first(*said, c)
            return
        for branch, besides in enumerate(self._most_branches(c, (asked,))):
            found = f"finds{c}({what}, {branch})"
            yield from self._branch(c, [*guard, found], f"{empties} act{c}(found);", fault, besides)
            for arrive in arrivals:
                cut = f"empty(now.down{c}); while (now.up{c}[0] > {arrive}) take(now.up{c}, now.up{c}[0]);"
                here = [*guard, f"now.up{c}[0] >= {arrive}", found]
                yield from self._branch(c, here, f"{cut} act{c}(found);", fault, besides)

    def _branch(self, c: int, guard: list[str], effect: str, fault: str, besides: set[str]) -> Iterator[str]:
        """Steps that take a way: as always, and unheard. What else goes wrong on the way has to be paid, too."""
        yield self._first(*self._paid(guard, effect, fault, besides, from_first=0), c)
        if self.system.recalls and c != TRACKER and fault != "stabilisation expiry":
            unheard = effect.replace(f"empty(now.up{c});", "").replace(f"act{c}(", f"hold{c}(")
            yield step(*self._paid([*guard, f"tells{c}(found)"], unheard, fault, besides, from_first=1))

    def _paid(
        self, guard: list[str], effect: str, fault: str, besides: set[str], *, from_first: int
    ) -> tuple[list[str], str]:
        """A guard and an effect with what has to be paid; `from_first` leaves out that it is not stabilisation."""
        guard = [*self._can_pay(fault)[from_first:], *guard]
        effects = [effect]
        for other in sorted(besides):
            taken = "found->lost > -1" if other == "losses" else "found->fails"
            can_pay = "0" if fault == "stabilisation" else " && ".join(self._can_pay(other)[from_first:]) or "1"
            guard.append(f"(!({taken}) || ({can_pay}))")
            effects += [f"if ({taken}) {{ {pay} }}" for pay in [self._pay(other)] if pay]
        return guard, " ".join((*effects, self._pay(fault)))

    def _ordinary(self, guard: list[str], effect: str) -> str:
        """A step that ends what can be told of the time before stabilisation."""
        if not self.system.recalls:
            return step(guard, effect)
        return step([*guard, f"now.past < {TELLS}"], effect if "now.past = 1" in effect else f"go_on(); {effect}")

    def _first(self, guard: list[str], effect: str, c: int) -> str:
        """The same, where nothing of this component is on its way to the broker, before which it does nothing more."""
        behind = [f"!now.up{c}[0]"] if self.system.recalls and self.has_up[c] else []
        return self._ordinary([*guard, *behind], effect)

    # The budget.

    def _can_pay(self, fault: str) -> list[str]:
        if not fault:
            return []
        guard = ["now.stabilisation" if fault == "stabilisation expiry" else "!now.stabilisation"]
        return [*guard, *(f"now.left{self.left.index(bound)}" for bound in self.system.faults.bounds_of(fault))]

    def _pay(self, fault: str) -> str:
        if fault == "stabilisation" and self.system.recalls:
            return "now.stabilisation = now.changed = now.past = 1;"
        if fault == "stabilisation":
            return "".join(
                ("now.stabilisation = now.changed = 1;", *(f" now.left{n} = 0;" for n in range(len(self.left))))
            )
        paid = [f"now.left{self.left.index(bound)}--;" for bound in self.system.faults.bounds_of(fault)]
        if fault == "broker restart" or fault.endswith(f" {self.system.nodes[TRACKER].name}"):
            paid.append("now.changed = 1;")
        return " ".join(paid)

    def _settle(self, component: int) -> str:
        """Forget marks, where there are any in this scenario, and none is under way any more."""
        return f"settle{component}();" if self._happens("duplicates") else ""


def _besides(branch: Branch) -> Iterator[str]:
    if branch.lost != HOLE:
        yield "losses"
    if branch.fault:
        yield branch.fault
