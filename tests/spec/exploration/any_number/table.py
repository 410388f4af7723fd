"""What is known of each scenario for every number of torrent servers, as a table, in a time for each.

`python -m tests.spec.exploration.any_number.table [SECONDS [SCENARIO...]]`; it takes up to that long, twice for each.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from spec.exploration.model.scenario import scenarios

SECONDS = 60
COMMAND = (sys.executable, "-m", "runtime.cli", "explore", "--torrents", "any", "--json", "--scenario")


def rows(seconds: float, names: Sequence[str]) -> Iterator[str]:
    """The table, line by line."""
    yield f"| scenario | views | seconds | for every number | broken | open (within {seconds:.0f} s) |"
    yield "|---|---|---|---|---|---|"
    for name in names:
        for option in ((), ("--hardened",)):
            yield row(" ".join((name, *option)), answered((*COMMAND, name, *option), seconds))


def answered(command: Sequence[str], seconds: float) -> dict[str, Any] | str:
    """What a command prints, as data, or why there is nothing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return "not answered in that time"
    if done.returncode not in {0, 1, 3}:
        return f"exit status {done.returncode} {done.stderr.strip()[-99:]}"
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def row(title: str, found: dict[str, Any] | str) -> str:
    """A line of the table."""
    if isinstance(found, str):
        return f"| {title} | | | | | {found} |"
    words = Counter(each["verdict"] for each in found["properties"])
    reasons = {each["reason"] for each in found["properties"] if each["verdict"] == "open"}
    why = f"{words['open']}: {'; '.join(sorted(map(str, reasons)))}" if words["open"] else ""
    views = f"{found['views']:,}" if found["views"] else ""
    cells = [views, found["seconds"] or "", words["holds for every number"], words["broken"], why]
    return f"| {title} | {' | '.join(map(str, cells))} |"


def main(words: list[str]) -> None:
    """Print the table."""
    for line in rows(float(words[0]) if words else SECONDS, words[1:] or [*scenarios()]):
        print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
