"""What the property-test suite found of the faults that were tried, by level, as shares and medians."""

import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutation import table
from tests.properties.judging import MONITORED


@dataclass(frozen=True)
class Bite:
    """What showed a fault, and after how many examples; `by` is empty if nothing did."""

    of: str
    name: str
    stage: str
    by: str
    examples: int


def rows(bites: Sequence[Bite]) -> Iterator[str]:
    """A line of Markdown for each chart, and one for all."""
    yield "| of | tried | found | share | by the tour | startups | algebra | random rules | monitor | median examples |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for of, here in _by_chart(bites):
        found = [bite for bite in here if bite.by]
        stages = [sum(bite.stage in names for bite in found) for names in (("tour",), ("startups",), ("algebra",))]
        stages.append(sum(bite.stage in {"random", "packets"} for bite in found))
        stages.append(sum(bite.by == MONITORED for bite in found))
        cells = [of, len(here), len(found), _share(here), *stages, _median(here)]
        yield f"| {' | '.join(map(str, cells))} |"


def side_by_side(bites: Mapping[str, Sequence[Bite]]) -> Iterator[str]:
    """The same of several levels: a line for each chart, with the share of each level and its median of examples."""
    named = [table.LEVELS[level] for level in bites]
    yield f"| of | tried | {' | '.join(f'{name} | median examples' for name in named)} |"
    yield f"|---|---|{'---|---|' * len(named)}"
    charts = [list(_by_chart(found)) for found in bites.values()]
    for lines in zip(*charts, strict=True):
        of, here = lines[0]
        cells = [cell for _, theirs in lines for cell in (_share(theirs), _median(theirs))]
        yield f"| {' | '.join([of, str(len(here)), *cells])} |"


def _by_chart(bites: Sequence[Bite]) -> Iterator[tuple[str, list[Bite]]]:
    for of in (*dict.fromkeys(bite.of for bite in bites), "all"):
        yield of, [bite for bite in bites if of in {bite.of, "all"}]


def _share(bites: Sequence[Bite]) -> str:
    return f"{sum(bool(bite.by) for bite in bites) / len(bites):.1%}"


def _median(bites: Sequence[Bite]) -> str:
    found = [bite.examples for bite in bites if bite.by]
    return f"{statistics.median(found):g}" if found else "-"


def missed(bites: Sequence[Bite]) -> list[str]:
    """Those that are not found, as a list."""
    return [f"- {bite.of}: {bite.name}" + (f" ({bite.stage})" if bite.stage else "") for bite in bites if not bite.by]


def known_bites(file: Path | None, level: str) -> dict[tuple[str, str], Bite]:
    """What an earlier measurement of a level has found, by fault."""
    if file is None or not file.exists():
        return {}
    rows_ = [row for row in map(json.loads, file.read_text(encoding="utf-8").splitlines()) if row.pop("level") == level]
    bites = [Bite(**row) for row in rows_]
    return {(one.of, one.name): one for one in bites}
