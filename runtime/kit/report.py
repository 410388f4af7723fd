"""The report of a verification: for people, as JSON, as JUnit XML, and as one HTML page that needs nothing else."""

import html
from collections import Counter
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

from runtime.kit.result import OBLIGATIONS, Case, Status
from runtime.kit.verification import Report, arrows

COLOURS = {
    Status.CONFORMS: "#1a7f37",
    Status.VIOLATES: "#cf222e",
    Status.CANNOT_TELL: "#9a6700",
    Status.NOT_EXERCISED: "#6e7781",
}
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
    """The end of the report for people."""
    told: set[tuple[str, ...]] = set()
    for case in report.cases:
        if case.status is Status.VIOLATES and not case.is_expected and case.reasons not in told:
            told.add(case.reasons)
            yield ""
            yield from story(case)
    yield ""
    drawn = arrows(report.settings.role)
    for name, status in report.arrows.items():
        yield f"{status.value:<14} {name:<48} {drawn[name]}"
    yield ""
    for name, status in report.obligations.items():
        yield f"{status.value:<14} {name:<12} {OBLIGATIONS[name]}"
    yield ""
    yield from report.unfit
    counts = Counter(case.status for case in report.cases)
    told_counts = ", ".join(f"{counts[status]} {status.value}" for status in Status if counts[status])
    yield f"{report.status.value}: {len(report.cases)} cases ({told_counts}) in {report.seconds:.0f} s"


def as_json(report: Report) -> dict[str, Any]:
    """Everything, as a JSON object."""
    drawn = arrows(report.settings.role)
    return {
        "role": report.settings.role,
        "status": report.status.value,
        "seconds": round(report.seconds, 3),
        "unexpected": report.unfit,
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
    """JUnit XML: a test case for each case, arrow and obligation."""
    suites = ET.Element("testsuites", name=f"clientjoin verify --role {report.settings.role}")
    cases = ET.SubElement(suites, "testsuite", name="cases")
    for case in report.cases:
        element = _test(cases, case.name, case.status, "\n".join(story(case)), is_expected=case.is_expected)
        element.set("time", f"{case.seconds:.3f}")
    expected = {name for case in report.cases if case.is_expected for name in (*case.arrows, *case.obligations)}
    for title, found in (("arrows", report.arrows), ("obligations", report.obligations)):
        suite = ET.SubElement(suites, "testsuite", name=title)
        for name, status in found.items():
            _test(suite, name, status, "", is_expected=name in expected)
    if report.unfit:
        suite = ET.SubElement(suites, "testsuite", name="expected failures")
        for text in report.unfit:
            _test(suite, text.split(" ", 1)[0], Status.VIOLATES, text)
    for suite in suites:
        suite.set("tests", str(len(suite)))
        suite.set("failures", str(sum(one.find("failure") is not None for one in suite)))
        suite.set("skipped", str(sum(one.find("skipped") is not None for one in suite)))
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _test(suite: ET.Element, name: str, status: Status, text: str, *, is_expected: bool = False) -> ET.Element:
    element = ET.SubElement(suite, "testcase", name=name, classname=f"clientjoin.{suite.get('name')}")
    if status is Status.VIOLATES and not is_expected:
        ET.SubElement(element, "failure", message=status.value).text = text.translate(UNPRINTABLE)
    elif status is not Status.CONFORMS:
        ET.SubElement(element, "skipped", message="expected" if is_expected else status.value)
    return element


def as_html(report: Report) -> str:
    """One HTML page, without anything from elsewhere."""
    return "\n".join(_page(report)) + "\n"


def _page(report: Report) -> Iterator[str]:
    title = f"Client Join: a {report.settings.role} server {report.status.value}"
    yield f"<!doctype html><html lang=en><head><meta charset=utf-8><title>{html.escape(title)}</title><style>"
    yield "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}"
    yield "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #d0d7de;padding:.2rem .6rem;"
    yield "text-align:left;vertical-align:top}pre{background:#f6f8fa;padding:.6rem;overflow:auto;font-size:13px}"
    yield ".pair{display:grid;grid-template-columns:1fr 1fr;gap:1rem}.status{font-weight:600;white-space:nowrap}"
    yield f"</style></head><body><h1>{html.escape(title)}</h1>"
    yield f"<p>{len(report.cases)} cases in {report.seconds:.0f} s.</p>"
    yield from (f"<p class=status>{html.escape(text)}</p>" for text in report.unfit)
    drawn = arrows(report.settings.role)
    rows = ((name, status, str(drawn[name])) for name, status in report.arrows.items())
    yield from _table("Arrows", rows)
    yield from _table("Obligations", ((name, status, OBLIGATIONS[name]) for name, status in report.obligations.items()))
    yield from _table(
        "Cases", ((case.name, case.status, "; ".join(case.reasons) or case.title) for case in report.cases)
    )
    for case in report.cases:
        if case.status is Status.VIOLATES:
            yield f"<h2 id='{html.escape(case.name, quote=True)}'>{html.escape(case.name)}</h2>"
            yield from (f"<p>{html.escape(reason)}</p>" for reason in case.reasons)
            if case.observed:
                yield f"<div class=pair><div><h3>Seen</h3><pre>{html.escape(case.observed)}</pre></div>"
                yield f"<div><h3>Right would have been</h3><pre>{html.escape(case.expected)}</pre></div></div>"
            if case.output:
                yield f"<h3>It printed last</h3><pre>{html.escape(case.output)}</pre>"
    yield "</body></html>"


def _table(title: str, rows: Iterator[tuple[str, Status, str]]) -> Iterator[str]:
    yield f"<h2>{title}</h2><table>"
    for name, status, text in rows:
        yield (
            f"<tr><td class=status style='color:{COLOURS[status]}'>{status.value}</td>"
            f"<td>{html.escape(name)}</td><td>{html.escape(text)}</td></tr>"
        )
    yield "</table>"
