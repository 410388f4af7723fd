"""Runs in files: recordings, what the explorer wrote, and logs of a bus.

What can be read:

- JSON Lines in the format of runs (`runtime.runs.format`), also as comments of a sequence diagram;
- a counterexample of the explorer, which is played and observed;
- JSON Lines of `mosquitto_sub -F %J` or `%j`: topic, payload and `tst`;
- lines of `mosquitto_sub -v` or `-F '%t %p'`, and with a time before them, `-F '%I %t %p'` or `-F '%U %t %p'`.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from machines.events import EVENT_OF_TOPIC
from runtime.runs.explored import observed
from runtime.runs.format import MARK, SUBSCRIBED, Run, RunError, from_json, header, read_event
from spec.exploration.model.scenario import ScenarioError
from spec.exploration.traces.replay import play, read
from spec.monitor import Observed, Published

STEP = re.compile(r"^\s*// step 1: ", re.MULTILINE)
LINE = re.compile(r"(?:(?P<time>\d[\d.:T+Z-]*) )?(?P<topic>[^\s{}]*/[^\s{}]*) (?P<payload>.*)")
FORMS = (
    "a recording, a counterexample of the explorer, JSON Lines with topic and payload, "
    "or what mosquitto_sub prints with -v or -F '%I %t %p'"
)


def is_run(text: str) -> bool:
    """Whether a text is a diagram of a run: a recording, or a counterexample of the explorer."""
    return any(line.lstrip().startswith(MARK) for line in text.splitlines()) or STEP.search(text) is not None


def has_steps(path: Path) -> bool:
    """Whether a file is a counterexample of the explorer, or meant to be one. Raises `RunError` if it is no text."""
    text = _text(path)
    return "// scenario:" in text or not (is_run(text) or _begins(text))


def _begins(text: str) -> bool:
    """Whether a text begins like a log."""
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return first.startswith("{") or (LINE.fullmatch(first) is not None and not first.startswith("title"))


def load_run(path: Path) -> Run:
    """The run of a file. Raises `RunError`."""
    return read_run(_text(path), str(path))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise RunError(f"{path} is not UTF-8 (byte {error.start}): save it as UTF-8") from None


def read_run(text: str, where: str = "<text>") -> Run:
    """The run of a text. Raises `RunError`."""
    if STEP.search(text):
        return _explored(text, where)
    lines = text.splitlines()
    marked = [(n, line.lstrip()[len(MARK) :]) for n, line in enumerate(lines, 1) if line.lstrip().startswith(MARK)]
    return read_lines(marked or list(enumerate(lines, 1)), where)


def read_lines(lines: Iterable[tuple[int, str]], where: str) -> Run:
    """The run of numbered lines. Raises `RunError`."""
    reader = Reader(where)
    seen = [one for number, line in lines for one in reader.line(number, line)]
    if not seen:
        raise RunError(f"{where}: holds no run: expected {FORMS}")
    return replace(reader.run, seen=tuple(seen), is_timed=reader.is_timed)


class Reader:
    """Reads lines one after the other; `run` is what the first of them says of the observer."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.run = SUBSCRIBED
        self.is_timed = True
        self._began = False

    def line(self, number: int, line: str) -> Iterator[Observed]:
        """What a line tells. Raises `RunError`."""
        where, line = f"{self.where}, line {number}", line.strip()
        if not line:
            return
        if not line.startswith("{"):
            yield self._printed(line, number, where)
            return
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise RunError(f"{where}: column {error.colno}: no JSON object: {error.msg}") from None
        if row.get("kind") == "run":
            if self._began:
                raise RunError(f"{where}: a run begins in the middle of another; give one file for each")
            self.run = header(row, where)
        elif "tst" in row or "kind" not in row:
            yield from self._told(row, number, where)
        else:
            yield self._noted(from_json(row, float(number), where), has_time="at" in row)
        self._began = True

    def _told(self, row: dict[str, Any], number: int, where: str) -> Iterator[Observed]:
        """A line of `mosquitto_sub -F %J`, or one like it; what was retained is from long ago."""
        if row.get("retain"):
            return
        stamp = row.get("tst")
        at = _time(str(stamp), where) if stamp is not None else row.get("at", float(number))
        seen = from_json({**row, "kind": "published", "at": at}, float(number), where)
        yield self._noted(seen, has_time=stamp is not None or "at" in row)

    def _printed(self, line: str, number: int, where: str) -> Observed:
        """A line of `mosquitto_sub -v`."""
        found = LINE.fullmatch(line)
        if found is None or (found["topic"] not in EVENT_OF_TOPIC and not found["payload"].startswith("{")):
            raise RunError(f"{where}: {line[:60]!r} is no observation: expected {FORMS}")
        at = float(number) if found["time"] is None else _time(found["time"], where)
        seen = read_event(Published, at, "", found["topic"], found["payload"].encode())
        return self._noted(seen, has_time=found["time"] is not None)

    def _noted(self, seen: Observed, *, has_time: bool) -> Observed:
        self._began = True
        self.is_timed = self.is_timed and has_time
        return seen


def _explored(text: str, where: str) -> Run:
    """A counterexample of the explorer, as an observer sees it who misses nothing."""
    try:
        story = read(text, where)
        system = story.scenario.build(drop_inert=False)
        steps = list(play(system, story.steps))
    except ScenarioError as error:
        raise RunError(str(error)) from None
    try:
        seen = observed(system, [(step.label, step.row) for step in steps])
    except ValueError as error:
        raise RunError(f"{where}: {error}") from None
    roles = {node.name: "torrent" if place else "tracker" for place, node in enumerate(system.nodes)}
    return Run(tuple(seen), tracker=system.nodes[0].name, in_order=system.ordered, roles=roles, is_timed=False)


def _time(text: str, where: str) -> float:
    """Seconds: since the epoch, as a number or as ISO 8601 gives it."""
    try:
        return float(text)
    except ValueError:
        pass
    zone = re.sub(r"Z?([+-]\d\d):?(\d\d)$", r"\1:\2", text)  # mosquitto_sub writes Z+0000
    try:
        return datetime.fromisoformat(zone).timestamp()
    except ValueError:
        raise RunError(f"{where}: {text!r} is no time: expected seconds, or ISO 8601") from None
