"""A finding as a picture: the trace of its page, with what crosses the bus and the timeouts, and nothing else."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from spec.exploration.pages import FOLDER, Finding
from spec.exploration.traces.rendering import sketch
from spec.exploration.traces.replay import play, read
from spec.exploration.traces.summary import what_happens
from spec.rendering.sequence import Divider, Group, Message, Row
from spec.rendering.svg import to_svg

EVENT = re.compile(r"\((\w+) Event\)")
TIMEOUT = "Timeout exceeded."


def trace_of(finding: Finding) -> str:
    """The trace on the page of a finding, as a diagram that can be replayed."""
    page = (FOLDER / f"{finding.name}.md").read_text(encoding="utf-8")
    (trace,) = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    return str(trace)


def happens(finding: Finding) -> tuple[int, str]:
    """How many steps the trace of a finding has, and what happens in it."""
    trace = read(trace_of(finding), finding.name)
    system = trace.scenario.build(drop_inert=False)
    run = tuple((played.label, played.row) for played in play(system, trace.steps))
    return len(run), what_happens([node.name for node in system.nodes], run)


def picture(finding: Finding) -> str:
    """The trace of a finding as SVG."""
    trace = read(trace_of(finding), finding.name)
    system = trace.scenario.build(drop_inert=False)
    run = tuple((played.label, played.row) for played in play(system, trace.steps))
    title, groups, rows = sketch(system, finding.property_, run)
    return to_svg(title, *_on_the_bus(groups, rows))


def _on_the_bus(groups: Sequence[Group], rows: Iterable[Row]) -> tuple[list[Group], list[Row]]:
    """What crosses the bus, comes from outside or is a timeout; lifelines that are left with nothing are not drawn."""
    home = {lifeline.alias: group.label for group in groups for lifeline in group.lifelines}
    kept = list(_kept(home, rows))
    used = {name for row in kept if isinstance(row, Message) for name in (row.sender, row.receiver)}
    shown = [
        replace(group, lifelines=tuple(each for each in group.lifelines if each.alias in used)) for group in groups
    ]
    return [group for group in shown if group.lifelines], kept


def _kept(home: dict[str, str], rows: Iterable[Row]) -> Iterator[Row]:
    for row in rows:
        if not isinstance(row, Message):
            yield row
        elif home.get(row.sender) != home.get(row.receiver) or row.label == TIMEOUT:
            event = EVENT.search(row.label)
            yield replace(row, label=event[1]) if event and not isinstance(row, Divider) else row
