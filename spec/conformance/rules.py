"""Which rule of a binding a run of the charts was checked against, so that whoever disagrees knows where to say so."""

from collections.abc import Iterator

from spec.binding import Begin
from spec.binding.allowances import Allowances
from spec.system.state import Act


def rules(act: Act | None, begin: Begin, allowances: Allowances, *, ordered: int) -> str:
    """The rules in words: the `[[begin]]`, the `orders` that set it going, how many `later` ones came until then
    (`ordered`), and the rows that allow an action elsewhere, but not here.
    """
    return "; ".join(_rules(act, begin, allowances, ordered))


def _rules(act: Act | None, begin: Begin, allowances: Allowances, ordered: int) -> Iterator[str]:
    if begin.place:
        yield f'[[begin]] title = "{begin.title}" ({begin.place})'
    else:
        yield "no [[begin]] has this title: each chart begins in its initial state"
    if begin.orders:
        yield f"orders: {', '.join(f'{lifeline} {order}' for lifeline, order in begin.orders.items())}"
    if ordered:
        yield f"later: {', '.join(f'{lifeline} {order}' for lifeline, order in begin.later[:ordered])} came before it"
    if act is None or act.kind not in {"!", "?"}:
        return
    for row in allowances.binding.early_sends:
        if row.allows(act.lifeline, str(act)):
            yield f"[[early_sends]] ({row.place}): once, and only where it is drawn to be sent"
    for row in allowances.binding.may_be_undrawn:
        if row.allows(act.lifeline, str(act)) and not row.is_left_out(act.message, allowances.drawn_messages):
            messages = {act.message} if isinstance(row.unless_drawn, bool) else row.unless_drawn
            shown = " or ".join(sorted(messages & allowances.drawn_messages))
            yield f"[[may_be_undrawn]] ({row.place}): not where some diagram draws {shown}"
