"""Systems for both explorers: random scenarios of Client Join, and random charts."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Any

from spec.exploration.model.chart_node import Broken
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.faults import Faults
from spec.exploration.model.foreign import ForeignSystem
from spec.exploration.model.scenario import scenario_of
from spec.exploration.model.steps import Row
from spec.exploration.properties.client_join import PROPERTIES, side_of
from spec.exploration.properties.foreign import PROPERTIES as FOREIGN
from spec.exploration.properties.language import Property
from spec.system.process import Addressed, Payload
from tests.spec.exploration.oracle import drawn, drawn_charts, plain, sides
from tests.spec.exploration.oracle.compare import Case, Joint
from tests.spec.exploration.oracle.users import Note, Stood
from tests.spec.exploration.oracle.world import Config, World


def of_client_join(number: int) -> Case:
    """A scenario of Client Join."""
    return _of_table(number, drawn.table(Random(number)))


def of_wills(number: int) -> Case:
    """One with torrent servers that leave a will."""
    return _of_table(number, drawn.with_wills(Random(number)))


def of_crash_points(number: int) -> Case:
    """One in which somebody crashes, also inside a step."""
    return _of_table(number, drawn.with_crash_points(Random(number)))


def of_interrupted_stops(number: int) -> Case:
    """One in which somebody crashes, also while it stops."""
    return _of_table(number, drawn.with_interrupted_stops(Random(number)))


def of_forgotten_wills(number: int) -> Case:
    """Where the broker restarts, and forgets wills, also of who is gone; a tracker begins anew that has read some."""
    faults = {"broker restart": 1, "crash torrent": 1}
    table = {"torrents": 1, "hardened": True, "wills": True, "timeouts": "never", "keeps_hops": True, "faults": faults}
    return _of_table(number, table)


def of_second_trackers(number: int) -> Case:
    """One in which another tracker comes up."""
    return _of_table(number, drawn.with_second_tracker(Random(number)))


def _of_table(number: int, table: dict[str, Any]) -> Case:
    scenario = scenario_of("random", f"random {number}", table)

    def world(**bus: bool) -> World:
        return drawn.world(scenario, **bus)

    return Case(
        f"scenario {number}: {table}",
        scenario,
        world,
        PROPERTIES,
        side_of,
        sides.seen,
        _of_servers,
        _of_system,
        scenario.stabilisation,
        scenario.keeps_both_hops,
    )


def _of_servers(world: World, config: Config) -> Joint:
    ordered = world.rules.ordered
    parties = tuple(
        _party(
            here.state.value,
            here.state.value.overdue,
            (here.state.value.has_begun, here.state.value.is_over),
            [message.value for message in here.up],
            [(copy.message.value, copy.again) for copy in here.down],
            ordered=ordered,
        )
        for here in config.parties
    )
    return Joint(parties, config.left, config.stable, config.changed)


def _of_system(system: ClosedSystem, row: Row) -> Joint:
    parties = []
    for component, number in enumerate(row[:-1]):
        slot = system.numbers.slots[component][number]
        up = [system.numbers.messages[message] for message in slot.up if message >= 0]
        down = [(system.numbers.messages[message], system.marks.is_marked(message)) for message in slot.down]
        state: Any = system.numbers.locals[component][slot.local]
        life = (state.life != "spare", state.life == "stepped down")
        parties.append(_party(state, state.late_wills, life, up, down, ordered=system.ordered))
    budget = system.budgets.known[row[-1]]
    left = () if budget.stabilisation else budget.left
    return Joint(tuple(parties), frozenset(left), budget.stabilisation, budget.changed)


def _party(state: Any, overdue: Any, life: tuple[bool, bool], up: Any, down: Any, *, ordered: bool) -> tuple[Any, ...]:
    charts, broken = (state.client, state.clock, state.view), bool(state.broken)
    local = plain.of_server(*charts, state.late, broken=broken, will=state.will, overdue=overdue, life=life)
    copies = [
        (plain.plain(message), again, again and plain.is_followed(state.client.data, message))
        for message, again in down
    ]
    return local, tuple(map(plain.plain, up)), _queue(copies, ordered=ordered)


def _queue(copies: Iterable[Any], *, ordered: bool) -> Any:
    """What is under way to a party: in order, or how often each."""
    return tuple(copies) if ordered else ("unordered", frozenset(Counter(copies).items()))


# Charts of others.


@dataclass(frozen=True)
class UserSeen:
    """How properties see a chart of somebody else."""

    name: str
    where: tuple[str, ...]
    is_quiescent: bool
    broken: bool
    raised: bool
    is_stuck: bool
    may_stay_for_good: bool
    unheard: tuple[str, ...]


def of_charts(number: int) -> Case:
    """Random charts."""
    chance = Random(number)
    drawn_system = drawn_charts.system(chance)
    foreign = ForeignSystem(
        f"random {number}",
        drawn_system.charts,
        routes=drawn_system.routes,
        faults=Faults(drawn_system.bounds, drawn_system.timeouts, loses=drawn_system.loses),  # type: ignore[arg-type]
        interchangeable=drawn_system.alike,
        payloads={kind: values for kind, values in drawn_charts.VALUES.items() if kind in drawn_system.used()},
        addressed=drawn_system.addressed,
        broadcast=drawn_system.broadcast,
        unordered=drawn_system.unordered,
    )

    def observed(world: World, place: int, state: Stood, idle: bool) -> UserSeen:
        user: Any = world.parties[place]
        ends = user.alone(state)
        sent = [note for end in ends for note in end.sent]
        return UserSeen(
            user.name,
            (state.at,),
            idle and not ends,
            state.wrong == "refused",
            state.wrong == "raised",
            is_stuck=idle and not ends and not state.wrong,
            may_stay_for_good=any(each.id == state.at and each.final for each in user.chart.states),
            unheard=tuple(n.kind for n in sent if not user.heard(n) and n.kind not in drawn_system.routes),
        )

    return Case(
        f"charts {number}: {drawn_system}",
        foreign,
        drawn_system.world,
        (*FOREIGN, *(_claim(chance, at, tuple(drawn_system.charts)) for at in range(6))),
        foreign.observe,
        observed,
        _of_users,
        _of_foreign,
        is_direct=any(fault.startswith("crash") for fault in drawn_system.bounds),
        forgets=_says_why,
    )


def _claim(chance: Random, at: int, names: tuple[str, ...]) -> Property:
    """That where charts are in some states, others are in some."""
    concerns = [chance.choice((*names, "each", "client")) for _ in range(2)]
    concerns = list(dict.fromkeys(concerns if len(names) > 1 else [names[0], "each"]))
    parts = [frozenset(f"state{one}" for one in range(4) if chance.random() < 1 / 2) for _ in concerns]

    def says(*standing: Any) -> tuple[bool, bool]:
        premise, conclusion = standing[0].where[0] in parts[0], standing[-1].where[0] in parts[-1]
        return premise, conclusion if len(standing) > 1 else not standing[0].is_quiescent

    when: Any = chance.choice(("always", "quiescent", "stuck"))
    return Property(f"claim {at}", when, says, tuple(concerns), "")


def _of_users(world: World, config: Config) -> Joint:
    parties = []
    for here in config.parties:
        state = here.state.value
        queue = [copy.message.value for copy in here.down]
        local = (state.at, tuple(zip(drawn_charts.FIELDS, state.holds, strict=True)), state.wrong)
        up = tuple(message.value for message in here.up)
        parties.append((local, up, _queue(queue, ordered=world.rules.ordered)))
    return Joint(tuple(parties), config.left, config.stable, config.changed)


def _says_why(joint: Joint) -> bool:
    """Whether something is wrong with a chart: the explorer says, and so tells apart, what that is."""
    return any(local[-1] for local, *_ in joint.parties)  # type: ignore[index]


def _of_foreign(system: ClosedSystem, row: Row) -> Joint:
    parties = []
    for component, number in enumerate(row[:-1]):
        slot = system.numbers.slots[component][number]
        state: Any = system.numbers.locals[component][slot.local]
        wrong = "" if not isinstance(state, Broken) else "raised" if state.raised else "refused"
        node: Any = system.nodes[component]
        held: Any = state.state if isinstance(state, Broken) else state
        node.machine.probe.restore(held)
        made = node.machine.probe.body.roots[0]
        local = (held.states[0], tuple((name, getattr(made, name)) for name in drawn_charts.FIELDS), wrong)
        up = tuple(_note(system.numbers.messages[message]) for message in slot.up)
        down = [_note(system.numbers.messages[message]) for message in slot.down]
        parties.append((local, up, _queue(down, ordered=system.ordered)))
    budget = system.budgets.known[row[-1]]
    return Joint(tuple(parties), frozenset(budget.left), stable=False, changed=False)


def _note(message: Any) -> Note:
    if isinstance(message, Addressed):
        return _note(message.message)._replace(sender=message.sender, to=message.to)
    return Note(message.message, message.values) if isinstance(message, Payload) else Note(message)
