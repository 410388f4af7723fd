"""Properties in a model for SPIN: tables of bits, and the assertion that no state has any of them.

SPIN's own trails and never properties are not used: what is asked is which properties some state breaks, all in one
search.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.steps import TRACKER
from spec.exploration.properties.language import Properties

WORD = 64


def braces(values: Iterable[object]) -> str:
    """An initialiser in C: the values as `str` writes them, in braces, with commas between them."""
    return f"{{{', '.join(map(str, values))}}}"


def array(name: str, values: Iterable[object]) -> str:
    """The definition of a constant table in C; `name` is its declaration with type and size, as in `short way[]`."""
    return f"static const {name} = {braces(values)};"


def hops(system: ClosedSystem) -> list[bool]:
    """For each component, whether something can be on its way from it to the broker."""
    return [system.keeps_hops or (system.recalls and c != TRACKER) for c in range(len(system.nodes))]


class Bad(NamedTuple):
    """What no state should be, as bits: a state is what each component's mask and the budget's mask have in common."""

    masks: tuple[Mapping[tuple[int, bool], int], ...]
    """For each component: by its local state, and whether nothing is under way to or from it."""
    budgets: Mapping[int, int]


def bad(properties: Properties) -> Bad:
    """The watches of properties, by number: those that are broken somewhere, and those that are exercised."""
    properties.renew()
    components = tuple(
        {
            (local, bool(idle)): _joined(words)
            for local, sides in enumerate(properties.masks(component))
            for idle, words in enumerate(sides)
        }
        for component in range(len(properties.system.nodes))
    )
    return Bad(components, {number: _joined(words) for number, words in enumerate(properties.budget_masks())})


def _joined(words: Iterable[Any]) -> int:
    return sum(int(word) << (WORD * place) for place, word in enumerate(words))


def in_c(system: ClosedSystem, bad: Bad, left_names: Sequence[str]) -> Iterator[str]:
    """The function `violates`. `left_names` are the bounded faults in the order of the model's variables."""
    of_states = (mask for rows in bad.masks for mask in rows.values())
    widest = max(mask.bit_length() for mask in (*of_states, *bad.budgets.values()))
    words = max(1, -(-widest // WORD))
    for component, masks in enumerate(bad.masks):
        rows = [
            braces(_words(masks.get((local, idle), 0), words) for idle in (False, True))
            for local in range(len(system.numbers.locals[component]))
        ]
        yield array(f"Word bad{component}[][2][{words}]", rows)
    ups = [" && !now.up{}[0]" * has_up for has_up in hops(system)]
    budgets = [_words(bad.budgets.get(number, 0), words) for number in range(len(system.budgets.known))]
    yield array(f"Word bad_account[][{words}]", budgets)
    yield "static int budget(void) {"
    for number, budget in enumerate(system.budgets.known):
        left = dict(budget.left)
        here = [f"now.left{place} == {left.get(name, 0)}" for place, name in enumerate(left_names)]
        here += [
            "now.stabilisation" if budget.stabilisation else "!now.stabilisation",
            "now.changed" if budget.changed else "!now.changed",
        ]
        here += [{"": "!now.past", "open": "now.past == 1", "told": "now.past > 1"}[budget.past]] * system.recalls
        yield f"  if ({' && '.join(here)}) return {number};"
    yield '  give_up("unknown budget", -1, -1, -1); return 0; }'
    yield _VIOLATES.replace("WORDS", str(words))
    masks_of = [
        f"bad{c}[now.at{c}][!now.down{c}[0]{ups[c].format(c)} && !busy{c}[now.at{c}]][i]"
        for c in range(len(system.nodes))
    ]
    yield f"    const Word here = {' & '.join((*masks_of, 'bad_account[a][i]'))};"
    yield "    violated[i] |= here; if (here & watched[i]) stop = 1; }"
    yield "  return stop; }"


def _words(number: int, count: int) -> str:
    return braces(f"{number >> WORD * place & (1 << WORD) - 1:#x}ULL" for place in range(count))


_VIOLATES = """\
static const Word watched[WORDS] = {PROPERTIES};
static Word violated[WORDS];
static void __attribute__((destructor)) tell(void) { int i;
  printf("violated: ");
  for (i = WORDS; i--;) printf("%016llx", violated[i]);
  printf("\\n"); }
static int violates(void) { int i, stop = 0; const int a = budget();
  for (i = 0; i < WORDS; i++) {"""
