"""The report of a verification: for people, as JSON, as JUnit XML, and as one HTML page that needs nothing else."""

import html
import textwrap
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

from runtime.kit.result import OBLIGATIONS, ORDER, Case, Status
from runtime.kit.verdict import Report, arrows
from spec.monitor.explanation import pictures

COLOURS = {
    Status.CONFORMS: "#1a7f37",
    Status.VIOLATES: "#cf222e",
    Status.CANNOT_TELL: "#9a6700",
    Status.NOT_EXERCISED: "#9a6700",
    Status.ITS_CHOICE: "#6e7781",
}
IDLE = frozenset({Status.NOT_EXERCISED, Status.ITS_CHOICE})
"""What a reader need not see first, unless it was asked for."""
MOST_ACCEPTED = 12
"""Names that are accepted one by one."""
MOST_NAMES = 5
"""Of what was not answered, so much is named on the last line."""
NAMED = 48
"""Characters of the longest identifier."""
UNPRINTABLE = {code: None for code in range(32) if chr(code) not in "\t\n\r"}


def line(case: Case) -> str:
    """One case on one line."""
    said = "violates, as expected" if case.is_expected else case.status.value
    why = f": {case.reasons[0]}" if case.reasons else ""
    return f"{said:<14}{case.seconds:6.1f} s  {case.name}{why}"


def story(case: Case) -> Iterator[str]:
    """What was seen, and what would have been right, of a case that violates."""
    yield f"{case.name} ({case.title})"
    yield from (f"    {reason}" for reason in case.reasons)
    if case.observed:
        yield "  seen:"
        yield from (f"    {each}".rstrip() for each in case.observed.splitlines())
        yield "  right would have been:"
        yield from (f"    {each}".rstrip() for each in case.expected.splitlines())
    if case.output:
        yield "  it printed last:"
        yield from (f"    {each}" for each in case.output.splitlines()[-12:])


def lines(report: Report) -> Iterator[str]:
    """The end of the report for people: what is worst comes last."""
    drawn = arrows(report.settings.role)
    yield ""
    yield from _told((name, status, str(drawn[name])) for name, status in report.arrows.items())
    yield ""
    yield from _told((name, status, OBLIGATIONS[name]) for name, status in report.obligations.items())
    for case, alike in violations(report):
        yield ""
        yield from story(case)
        if alike:
            yield f"  the same in {_number(len(alike), 'other case')}: {', '.join(one.name for one in alike)}"
    yield ""
    yield from epilogue(report)
    yield f"{report.status.value}: {_summary(report)}{_left(report)}"


def epilogue(report: Report) -> Iterator[str]:
    """What is to be told beside the cases, a sentence each: what was not answered, and why nothing else counts."""
    yield from report.notes
    if report.choices:
        yield "its choice, so that no question arises:"
        yield from _reasons(report.choices)
    if report.excused:
        yield "accepted though it was not answered (--accept):"
        yield from _reasons(report.excused)
    if report.untested:
        yield f"it was never seen to join, or to let join: {report.untested}"
    if report.unanswered and report.status is not Status.VIOLATES:
        yield "not answered, which is no pass:"
        yield from _reasons(report.unanswered)
        names = ",".join(report.unanswered) if len(report.unanswered) <= MOST_ACCEPTED else "*"
        yield f"  if they may stay so: --accept '{names}=REASON'"
    yield from report.unfit


def _reasons(names: Mapping[str, str]) -> Iterator[str]:
    """A line for each reason, with all that it is the reason for."""
    alike: dict[str, list[str]] = {}
    for name, why in names.items():
        alike.setdefault(why, []).append(name)
    for why, of in alike.items():
        yield from textwrap.wrap(f"{', '.join(of)}: {why}", 120, initial_indent="  ", subsequent_indent="    ")


def _left(report: Report) -> str:
    """For the last line: what was not answered, and what to do about that."""
    if report.status is not Status.CANNOT_TELL:
        return ""
    if not report.unanswered:
        return "; no case conforms, so that nothing is known of it"
    names = list(report.unanswered)
    told = ", ".join(names[:MOST_NAMES]) + (f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else "")
    return f"; not answered: {told} (why, and what would help, stands above; --accept NAME=REASON lets it be)"


def _told(rows: Iterator[tuple[str, Status, str]]) -> Iterator[str]:
    """A line for each, but for what was not exercised: its names together."""
    idle = []
    for name, status, text in rows:
        if status is Status.NOT_EXERCISED:
            idle.append(name)
        else:
            yield f"{status.value:<14} {name:<{NAMED}} {text}"
    shown = [f"{file}:{','.join(places)}" if places else file for file, places in _by_file(idle).items()]
    if shown:
        yield from textwrap.wrap(
            " ".join(shown), 110, initial_indent=f"{Status.NOT_EXERCISED.value:<14} ", subsequent_indent=" " * 15
        )


def _by_file(names: list[str]) -> dict[str, list[str]]:
    """Identifiers of arrows, without the same file again and again."""
    found: dict[str, list[str]] = {}
    for name in names:
        file, _, place = name.partition(":")
        found.setdefault(file, []).extend([place] if place else [])
    return found


def violations(report: Report) -> Iterator[tuple[Case, list[Case]]]:
    """The cases that violate and were not expected to, with the others that do for the same reasons."""
    alike: dict[tuple[str, ...], list[Case]] = {}
    for case in report.cases:
        if case.status is Status.VIOLATES and not case.is_expected:
            alike.setdefault(case.reasons, []).append(case)
    for first, *others in alike.values():
        yield first, others


def _summary(report: Report) -> str:
    counts = Counter(case.status for case in report.cases)
    told = ", ".join(f"{counts[status]} {status.value}" for status in Status if counts[status])
    played = _number(len(report.cases), "case")
    chosen = f"{played} of {report.planned}" if report.planned > len(report.cases) else played
    return f"{chosen} ({told}) in {report.seconds:.0f} s"


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def as_json(report: Report) -> dict[str, Any]:
    """The whole report as plain data, a JSON object: role, status, seconds, arrows and what became of the cases."""
    drawn = arrows(report.settings.role)
    return {
        "role": report.settings.role,
        "status": report.status.value,
        "seconds": round(report.seconds, 3),
        "unexpected": report.unfit,
        "untested": report.untested,
        "notes": report.notes,
        "unanswered": report.unanswered,
        "accepted": report.excused,
        "choices": report.choices,
        "planned": report.planned,
        "arrows": [
            {
                "id": name,
                "status": status.value,
                "arrow": str(drawn[name]),
                "file": drawn[name].file,
                "line": drawn[name].line,
            }
            for name, status in report.arrows.items()
        ],
        "obligations": [
            {"id": name, "status": status.value, "text": OBLIGATIONS[name]}
            for name, status in report.obligations.items()
        ],
        "cases": [
            {
                "id": case.name,
                "title": case.title,
                "status": case.status.value,
                "expected": case.is_expected,
                "seconds": round(case.seconds, 3),
                "why": list(case.reasons),
                "observed": case.observed,
                "right": case.expected,
                "output": case.output,
                "run": list(case.run),
            }
            for case in report.cases
        ],
    }


def as_junit(report: Report) -> str:
    """JUnit XML: a test case for each case, arrow and obligation.

    What was not answered is an error: it is no pass. What was accepted, is the server's choice, or stays open since a
    case does that is an error itself, is skipped.
    """
    unanswered = report.unanswered
    suites = ET.Element("testsuites", name=f"clientjoin verify --role {report.settings.role}")
    cases = ET.SubElement(suites, "testsuite", name="cases")
    for case in report.cases:
        verdict = Verdict(case.status, is_expected=case.is_expected, is_open=case.name in unanswered)
        element = _test(cases, case.name, verdict, list(case.reasons), "\n".join(story(case)))
        element.set("time", f"{case.seconds:.3f}")
        if case.output:
            ET.SubElement(element, "system-out").text = case.output.translate(UNPRINTABLE)
    expected = {name for case in report.cases if case.is_expected for name in (*case.arrows, *case.obligations)}
    drawn = arrows(report.settings.role)
    told = {name: str(arrow) for name, arrow in drawn.items()} | dict(OBLIGATIONS)
    for title, found in (("arrows", report.arrows), ("obligations", report.obligations)):
        suite = ET.SubElement(suites, "testsuite", name=title)
        for name, status in found.items():
            verdict = Verdict(status, is_expected=name in expected, is_open=name in unanswered)
            _test(suite, name, verdict, [told[name]], told[name])
    if report.unfit:
        suite = ET.SubElement(suites, "testsuite", name="expected failures")
        for text in report.unfit:
            _test(suite, text.split(" ", 1)[0], Verdict(Status.VIOLATES), [text], text)
    for element in (*suites, suites):
        tests = list(element.iter("testcase"))
        element.set("tests", str(len(tests)))
        for name, outcome in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            if element is not suites or outcome != "skipped":  # which the schema has for a suite only
                element.set(name, str(sum(one.find(outcome) is not None for one in tests)))
        element.set("time", f"{sum(float(one.get('time', 0)) for one in tests):.3f}")
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


class Verdict(NamedTuple):
    """What is said of one test case: whether its violation was expected, and whether it counts as not answered."""

    status: Status
    is_expected: bool = False
    is_open: bool = False


def _test(suite: ET.Element, name: str, verdict: Verdict, reasons: list[str], text: str) -> ET.Element:
    """A test case; `reasons` say in short why it is no pass, `text` at length."""
    element = ET.SubElement(suite, "testcase", name=name, classname=f"clientjoin.{suite.get('name')}", time="0.000")
    status = verdict.status
    said = f"{status.value}: {reasons[0]}" if reasons else status.value
    said = said.translate(UNPRINTABLE)
    if status is Status.VIOLATES and not verdict.is_expected:
        ET.SubElement(element, "failure", type="violates", message=said).text = text.translate(UNPRINTABLE)
    elif verdict.is_open:
        ET.SubElement(element, "error", type=status.value, message=said).text = text.translate(UNPRINTABLE)
    elif status is not Status.CONFORMS:
        expected = " (as expected)" if verdict.is_expected else ""
        ET.SubElement(element, "skipped", message=f"{said}{expected}")
    return element


def as_html(report: Report) -> str:
    """One HTML page, without anything from elsewhere."""
    return "\n".join(_page(report)) + "\n"


def _page(report: Report) -> Iterator[str]:
    title = f"Client Join: a {report.settings.role} server"
    colour = COLOURS[report.status]
    yield f"<!doctype html><html lang=en><head><meta charset=utf-8><title>{title}: {report.status.value}</title>"
    yield f"<meta name=viewport content='width=device-width'><style>{STYLE}</style></head><body>"
    yield f"<h1>{title}: <span style='color:{colour}'>{report.status.value}</span></h1>"
    under_test = report.settings.command or f"at {report.settings.broker}"
    yield f"<p>{html.escape(_summary(report))}. Under test: <code>{html.escape(under_test)}</code></p>"
    told = "\n".join(epilogue(report))
    yield f"<pre class=told>{html.escape(told)}</pre>" if told else ""
    for case, alike in violations(report):
        yield from _violation(case, alike)
    drawn = arrows(report.settings.role)
    unanswered = report.unanswered
    cases = ((one.name, one.status, "; ".join(one.reasons[:1]) or one.title) for one in report.cases)
    of_arrows = ((name, status, str(drawn[name])) for name, status in report.arrows.items())
    duties = ((name, status, OBLIGATIONS[name]) for name, status in report.obligations.items())
    for heading, rows in (("Cases", cases), ("Arrows", of_arrows), ("Obligations", duties)):
        yield from _table(heading, rows, unanswered)
    yield "</body></html>"


STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;overflow-wrap:anywhere}"
    "table{border-collapse:collapse;width:100%}td{border-bottom:1px solid #d0d7de;padding:.2rem .6rem;text-align:left;"
    "vertical-align:top}pre{background:#f6f8fa;padding:.6rem;overflow:auto;font-size:13px}.status{font-weight:600;"
    "white-space:nowrap}.pair{display:flex;flex-wrap:wrap;gap:1rem}.pair>div{flex:1 1 24rem;overflow:auto}"
    "section{border-left:4px solid #cf222e;padding-left:1rem;margin:2rem 0}summary{cursor:pointer;color:#6e7781}"
)


def _violation(case: Case, alike: list[Case]) -> Iterator[str]:
    """What is wrong in a case, and what would have been right."""
    yield f"<section><h2>{html.escape(case.name)}</h2><p>{html.escape(case.title)}</p>"
    yield from (f"<p>{html.escape(reason)}</p>" for reason in case.reasons)
    if case.found is not None:
        seen, right = pictures(case.found)
        yield f"<div class=pair><div><h3>Seen</h3>{seen}</div><div><h3>Right would have been</h3>{right}</div></div>"
        yield f"<details><summary>as text</summary><pre>{html.escape(case.observed)}</pre>"
        yield f"<pre>{html.escape(case.expected)}</pre></details>"
    if case.output:
        yield f"<details><summary>what it printed last</summary><pre>{html.escape(case.output)}</pre></details>"
    if alike:
        names = html.escape(", ".join(one.name for one in alike))
        yield f"<p>The same in {_number(len(alike), 'other case')}: {names}.</p>"
    yield "</section>"


def _table(title: str, rows: Iterator[tuple[str, Status, str]], unanswered: Collection[str]) -> Iterator[str]:
    """What was exercised, and what should have been, the worst first; the rest can be unfolded."""
    every = sorted(rows, key=lambda row: ORDER.index(row[1]))
    idle = [row for row in every if row[1] in IDLE and row[0] not in unanswered]
    yield f"<h2>{title}</h2>"
    yield from _rows([row for row in every if row not in idle])
    if idle:
        counts = Counter(row[1].value for row in idle)
        yield f"<details><summary>{', '.join(f'{count} {what}' for what, count in counts.items())}</summary>"
        yield from _rows(idle)
        yield "</details>"


def _rows(rows: list[tuple[str, Status, str]]) -> Iterator[str]:
    yield "<table>"
    for name, status, text in rows:
        yield (
            f"<tr><td class=status style='color:{COLOURS[status]}'>{status.value}</td>"
            f"<td>{html.escape(name)}</td><td>{html.escape(text)}</td></tr>"
        )
    yield "</table>"
