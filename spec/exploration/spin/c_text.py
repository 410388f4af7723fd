"""C in a Promela model, and what is around it: how it is cut into pieces, what handles queues, what a process is.

A queue has its length in front.
"""

from collections.abc import Iterable, Iterator, Sequence

BLOCK = 10_000
"""How much C stands in one piece, at least, in characters."""


def blocks(keyword: str, lines: Iterable[str]) -> Iterator[str]:
    """C in Promela, in pieces in which braces match: SPIN takes no more than 64 KB at once."""
    block: list[str] = []
    for line in lines:
        block.append(line)
        text = "\n".join(block)
        if len(text) > BLOCK and text.count("{") == text.count("}"):
            yield f"{keyword} {{\n{text}\n}}"
            block = []
    yield "\n".join((f"{keyword} {{", *block, "}"))


FUNCTIONS = """\
static const Way *found;
static void give_up(const char *why, int component, int local, int what) {
  printf("gave up: %s: component %d, local state %d, asked %d\\n", why, component, local, what); exit(3); }
static void append(Cell *q, int most, Cell m) {
  if (q[0] == most) give_up("full", -1, -1, m);
  q[++q[0]] = m; }
static void insert(Cell *q, int most, Cell m) { int i;
  if (q[0] == most) give_up("full", -1, -1, m);
  for (i = ++q[0]; i > 1 && q[i - 1] > m; i--) q[i] = q[i - 1];
  q[i] = m; }
static void prepend(Cell *q, Cell m) { int i;
  for (i = ++q[0]; i > 1; i--) q[i] = q[i - 1];
  q[1] = m; }
static void insert_back(Cell *q, Cell m) { insert(q, q[0] + 1, m); }
static void take(Cell *q, int place) {
  for (; place < q[0]; place++) q[place] = q[place + 1];
  q[q[0]--] = 0; }
static void empty(Cell *q) { while (q[0]) q[q[0]--] = 0; }"""


def word(order: str) -> str:
    """An order as a part of the name of a constant."""
    return order.upper().replace(" ", "_")


def process(name: str, label: str, steps: Iterable[str]) -> Iterator[str]:
    """A process that takes one of these steps after the other, as lines."""
    yield from (f"active proctype {name}() {{", f"{label}: do", *steps, "  od", "}")


def step(guard: Sequence[str], effect: str) -> str:
    """One guarded step."""
    # the parentheses keep SPIN from taking a look-up for a side effect
    return f"  :: d_step {{ c_expr {{ ({' && '.join(guard)}) }} -> c_code {{ {effect} }} }}"
