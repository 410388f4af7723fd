"""Faults in the model that the charts are put into: the bus, faults and what they cost, and servers as nodes."""

from functools import partial

from spec.exploration.model import node
from spec.exploration.model.budget import FaultBudgets
from spec.exploration.model.bus import BrokerBus
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.moves import Moves
from spec.exploration.model.node import Server
from tests.mutation.planting import Fault, of_function

IN_BUS = partial(of_function, "bus")
IN_NODE = partial(of_function, "server")
IN_FATE = partial(of_function, "fate")

FAULTS: tuple[Fault, ...] = (
    IN_BUS(BrokerBus, "receivers", "an event reaches the first of those that subscribed", "frozenset(to for to, _ in self._sent(state))", "frozenset(sorted(to for to, _ in self._sent(state))[:1])"),
    IN_BUS(BrokerBus, "receivers", "an event reaches nobody", "if taking is Taking.TAKEN", "if taking is Taking.IGNORED"),
    IN_BUS(BrokerBus, "receivers", "an event reaches everybody", "if taking is Taking.TAKEN else frozenset()", "and None or frozenset(node.name for node in self.nodes)"),
    IN_BUS(ClosedSystem, "recipients", "an event is passed on twice", "return tuple(found)", "return tuple(found) * 2"),
    IN_BUS(ClosedSystem, "recipients", "of two events of one step the second is not passed on", "for message in sent:", "for message in sent[:1]:"),
    IN_BUS(ClosedSystem, "_is_inert", "what is ignored in some state is not delivered", "and all(", "and any("),
    IN_BUS(ClosedSystem, "local", "what is about to be published counts as delivered to who is offline", "self.nodes[component].is_online(state)", "True"),
    IN_BUS(ClosedSystem, "broken", "a connection that is lost is not noticed", '(ending,) = self.ask(component, local, "disconnect", NOTHING)\n    return ending[0]', "return local"),
    IN_BUS(Moves, "of_shape", "what is read stays on its way", "Edit(place, move.stays, sent", "Edit(None, move.stays, sent"),
    IN_BUS(Moves, "_reading", "an event that is delivered twice is not marked", "marked = self.system.message(replace(name, event_id=AGAIN))", "marked = message"),
    IN_BUS(Moves, "_asked", "a crash leaves what is under way to its server", 'kind in {"read", "expire", "start", "publish"}', "True"),
    IN_BUS(Moves, "_asked", "whoever reads or publishes loses what is under way to it", 'kind in {"read", "expire", "start", "publish"}', "False"),
    IN_FATE(Moves, "loss", "whatever is sent can be lost, in every scenario", 'return self.system.cost("losses")', "return 0"),
    IN_FATE(Moves, "loss", "nothing is ever lost", 'return self.system.cost("losses")', "return None"),
    IN_FATE(Moves, "_acting", "patient timeouts are exceeded at any time", "cost=price, late=True", "cost=price"),
    IN_FATE(Moves, "_acting", "timeouts are never exceeded", 'if self.system.faults.timeouts == "any":', "if False:"),
    IN_FATE(Moves, "_acting", "patient timeouts are never exceeded", 'if self.system.faults.timeouts == "patient" or', "if"),
    IN_FATE(Moves, "_acting", "nobody starts again", 'yield from self._asked(component, local, "start")', "pass"),
    IN_FATE(Moves, "_acting", "orders cost nothing", "yield from self._asked(component, local, order, cost=cost)", "yield from self._asked(component, local, order)"),
    IN_FATE(FaultBudgets, "spend", "faults go on after stabilisation", 'elif here.stabilisation != (fault == "stabilisation expiry"):', "elif False:"),
    IN_FATE(FaultBudgets, "spend", "a bound is used up before its last fault", "if bound not in left:", "if left.get(bound, 0) <= 1:"),
    IN_FATE(FaultBudgets, "spend", "nobody notes that the tracker has changed", "changed = here.changed or", "changed = False and"),
    IN_FATE(FaultBudgets, "spend", "stabilisation does not begin", 'elif fault == "stabilisation":\n        then = (', 'elif fault == "stabilisation":\n        return -1\n        then = ('),
    IN_NODE(Server, "reborn", "a crash loses the view", "crashed.view if keeps_view else self.initial.view", "self.initial.view"),
    IN_NODE(Server, "reborn", "a crash leaves the view of the old process, wiped or not", "crashed.view if keeps_view else self.initial.view", "crashed.view"),
    IN_NODE(Server, "reborn", "a crash leaves the timeouts", "self.initial._replace(client=client", "crashed._replace(client=client"),
    IN_NODE(Server, "reborn", "after a crash requests have the old names", "request=data.request)", "request=0)"),
    IN_NODE(Server, "order", "who is stopped does nothing", "self._owner(state, Stop())", "(Outcome(state, (), ()),)"),
    IN_NODE(Server, "expiries", "a timeout that is exceeded is not heard of", 'for end in self._run(self._send(begun, "clock", sending))', "for end in ()"),
    IN_NODE(Server, "_heard_late", "what is late is heard of again", "late=tuple(others)", "late=state.late"),
    IN_NODE(Server, "_heard_late", "of what is late the last is heard of first", "first, *others = state.late", "*others, first = state.late",
            equivalent="of several that are late only the last can be of the latest attempt, and the others end nothing whenever they are heard"),
    IN_NODE(Server, "_deliver", "what is refused is taken for ignored", "if taking in {Taking.REFUSED, Taking.DEFERRED}:", "if False:",
            equivalent="nothing is refused in a closed system of our charts: it shows where a chart has a fault, too"),
    IN_NODE(Server, "_busy", "the client goes on before its view has answered", 'for role in ("view", "client"):', 'for role in ("client", "view"):',
            equivalent="our clients wait for the answer of their view before they go on"),
    IN_NODE(node, "_choices", "a view that may fail never does", "return sendings if len", "return sendings[:1] if len"),
    IN_NODE(node, "normal", "attempts are not told from timeouts that are set", "running = immutabledict({client: ranks[number] for client, number in running.items()})", "running = immutabledict({client: 0 for client in running})"),
    IN_NODE(node, "_without_old_names", "who is registered is forgotten wherever nobody is told anew", 'if not (names or view.gone) or state.where not in {*WAITING, "awaiting_answer"}:', "if False:"),
)  # fmt: skip
