"""Faults in the explorer itself: how it searches, reduces, counts what is alike once, judges and tells.

The compiled engine is left out: its source is machine code by the time that anybody could change a line of it. It reads
the same tables as the engine in NumPy, and both have to find the same states (`tests/spec/exploration/test_engines.py`).
"""

from functools import partial

from spec.exploration import explore, liveness
from spec.exploration.engine import packing
from spec.exploration.engine.queue_tables import InFlight
from spec.exploration.engine.search import BreadthFirst
from spec.exploration.engine.tables import Tables
from spec.exploration.engine.vectorised.search import VectorisedSearch
from spec.exploration.model import queues, reference, renaming, symmetry
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.moves import Moves
from spec.exploration.model.renaming import Renaming
from spec.exploration.properties import language, steps
from spec.exploration.properties.language import Properties
from spec.exploration.traces import elaboration
from tests.mutation.planting import Fault, of_function

IN = partial(of_function, "explorer")

FAULTS: tuple[Fault, ...] = (
    # The search.
    IN(Tables, "_fill_situation", "the last step of each situation is left out", "for plan in self._planned[shape]", "for plan in self._planned[shape][:-1]"),
    IN(Tables, "_fill_situation", "what waits until nothing is under way does not wait", "(quiescent or not plan.late)", "True"),
    IN(Tables, "_fill_situation", "what waits until nothing is under way never happens", "(quiescent or not plan.late)", "not plan.late"),
    IN(Tables, "_paid", "no fault is paid for", "self.system.spend(budget, price)", "budget"),
    IN(Tables, "_paid", "of several prices the first is paid", "if budget < 0:", "if True:"),
    IN(Tables, "_plans", "what is published is not pushed", "move.publication, prices", "0, prices"),
    IN(ClosedSystem, "push", "what is pushed to a connection overtakes", "(*slot.down, message) if", "(message, *slot.down) if",
       equivalent="to the engines, which go on from tables of queues; the definition, which uses it, is what they are held against"),
    IN(InFlight, "_longer", "a queue is numbered like the one without its first message", "self.parents[component, number], self.lasts[component, number] = queue, last", "self.parents[component, number], self.lasts[component, number] = 0, last"),
    IN(queues, "edited", "what the broker passes on stays on its way to it", "up[edit.forwards :]", "up[0:]",
       equivalent="in systems with one hop: nothing waits for the broker there; tests/spec/exploration/test_one_hop.py has two"),
    IN(queues, "edited", "what is lost with a connection stays on its way to the server", "down if edit.keeps_down else ()", "down"),
    IN(packing, "pack", "states that differ in the budget alone count as one", "(rows[:, place] + (place == last))", "np.where(place == last, 1, rows[:, place])"),
    IN(packing, "unpack", "the budget is read wrongly", "rows[:, -1] -= 1", "pass"),
    IN(BreadthFirst, "run", "the last level is not expanded", "while self.levels[-2] < self.levels[-1] and not why:", "while self.levels[-1] - self.levels[-2] > 1 and not why:"),
    IN(BreadthFirst, "run", "a search that was cut counts as complete", "Found(self.progress, not why, self.quiescent, why)", "Found(self.progress, True, self.quiescent, why)"),
    IN(BreadthFirst, "path", "a run begins one state late", "for number in reversed(found)]", "for number in [*reversed(found)][1:]]"),
    IN(VectorisedSearch, "_look", "the last state that breaks a property is taken for the first", "int(np.argmax((bits[:, word] & one) != 0))", "len(bits) - 1 - int(np.argmax((bits[::-1, word] & one) != 0))"),
    # Reductions.
    IN(ClosedSystem, "local", "what turns out to matter is still not delivered", "raise NotInert", "pass"),
    IN(steps, "deliver_what_matters", "that something is ignored, though it must not be, is not judged", "if len(system.interesting) > known:", "if False:"),
    IN(symmetry, "check", "nobody asks whether servers act alike", "for component, local, kind, message in _growing(system.reactions):", "return\n    for component, local, kind, message in _growing(system.reactions):"),
    IN(symmetry, "_said", "whatever servers say counts as alike", "return here == other", "return True"),
    IN(symmetry, "exchanges", "no exchange is tried", "if len(moved) == 2:", "if len(moved) == 3:"),
    IN(Renaming, "__call__", "names within texts are not renamed", "lambda found: self.names[found[1]]", "lambda found: found[1]"),
    IN(Renaming, "__call__", "names in sets are not renamed", "return frozenset(self(part) for part in value)", "return value"),
    IN(renaming, "permutations_of", "all names count as alike", "groups = [tuple(group) for group in groups]", "groups = [tuple(range(1, width))]"),
    IN(renaming, "permutations_of", "no names count as alike", "groups = [tuple(group) for group in groups]", "groups = []"),
    IN(Moves, "_unheard", "what was done unheard before stabilisation is not told", "if not self.system.recalls or component == TRACKER:", "if True:"),
    # Verdicts.
    IN(explore, "_explored", "what was not exercised holds", "found.complete and non_vacuous and applies", "found.complete and applies"),
    IN(explore, "_explored", "what was not searched holds", "found.complete and non_vacuous and applies", "non_vacuous and applies"),
    IN(explore, "_explored", "what does not apply holds", "found.complete and non_vacuous and applies", "found.complete and non_vacuous"),
    IN(explore, "_explored", "what is broken is not looked for", "rows = [] if broken is None else search.path(broken)", "rows = []"),
    IN(language.Properties, "_allows", "properties of quiescent states are asked of all", 'elif when != "always" and not self.is_quiescent(side):\n        return False', "elif False:\n        return False"),
    IN(Properties, "_allows", "properties of stabilisation are asked before it", 'if when == "stabilisation" and not', "if False and not"),
    IN(Properties, "_words", "properties beyond the first word are not looked at", "for word in range(self.words)]", "if word == 0 else 0 for word in range(self.words)]"),
    IN(Properties, "_watches", "what breaks a property is taken for what exercises it", "bool(premise and not (broken and conclusion))", "bool(premise)"),
    IN(language, "_products", "of several ways to break a property one is looked for", "return ((met,),) if met else ()", "return ((frozenset(sorted(met)[:1]),),) if met else ()"),
    IN(language, "instances", "of each two clients one pair is asked", "product(permutations(range(1, width), len(about)), every)", "[*product(permutations(range(1, width), len(about)), every)][:1]"),
    IN(steps.Steps, "_met", "what waits until nothing is under way is judged before", "met[~idle] &= ~late", "pass"),
    IN(steps.Steps, "_met", "steps are judged that nobody can pay for", "met &= by_budget[rows[:, -1]]", "pass"),
    IN(steps.Steps, "first", "the search for steps stops at the first states", "for begin in range(0, self._search.count, CHUNK):", "for begin in range(0, 1, CHUNK):",
       equivalent="in systems that have fewer states than are looked at together"),
    IN(steps, "concerns", "steps of the tracker are judged as those of clients", '(whose == "tracker") == (component == 0)', '(whose == "tracker") != (component == 0)'),
    IN(liveness, "_rest", "a run that is stuck terminates", "stuck = graph.ends[~graph.quiescent(properties, graph.ends)]", "stuck = graph.ends[:0]"),
    # Counterexamples.
    IN(explore, "run_of", "a step of a counterexample is left out", "for row in rows[1:]:", "for row in rows[1:-1]:"),
    IN(elaboration, "elaborated", "what is in the way is not read", "if label.component == component and (", "if False and ("),
    IN(reference, "canonical", "of states that differ in names the greatest stands for all", "return min(found)", "return max(found)",
       equivalent="any one of them does, if it is always the same"),
)  # fmt: skip
