"""Runs in files: recordings, what the explorer wrote, and logs of a bus.

What can be read:

- JSON Lines in the format of runs (`runtime.runs.format`), also as comments of a sequence diagram;
- a counterexample of the explorer, which is played and observed;
- JSON Lines of `mosquitto_sub -F %J` or `%j`: topic, payload, `tst`, `retain` and `mid`;
- lines of `mosquitto_sub -v`, or of `-F` with `%t` and `%p` in any place, and a time before them (`%I`, `%U`); a
  payload may go on over several lines.

Lines of other topics are passed over. What cannot be read, and what shows that lines are missing or out of order,
becomes a `Gap`: what went on before it says nothing of what comes.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from machines.events import EVENT_OF_TOPIC, TORRENT, TRACKER
from runtime.runs.explored import observed
from runtime.runs.format import MARK, SUBSCRIBED, Run, RunError, from_json, header, read_event
from runtime.runs.merging import CLOCKS, has_two_clocks
from runtime.services.topics import Topics
from spec.exploration.model.scenario import ScenarioError
from spec.exploration.traces.replay import play, read
from spec.monitor import Gap, Observed, Published

PLAIN = Topics(per_client=True)
"""Topics as the protocol names them, or with a client at their end."""
STEP = re.compile(r"^\s*// step 1: ", re.MULTILINE)
SHAPE = re.compile(r"[^\s{}]+[\s:].*")
"""A line of any topic."""
SIGNS = r"\s,;|"
"""What stands between topic, payload, time and others."""
HEX = re.compile(r"(?:7[bB])(?:[0-9a-fA-F]{2})+")
"""A JSON object as hexadecimal digits, as `%x` prints it."""
FIELDS = re.compile(rf"(?:[\w.:+-]*[{SIGNS}\]\[()\"']*)*")
"""Other fields of a line: numbers, times and words."""
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
DAY = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d"
TIME = re.compile(rf"(?<![^{SIGNS}])(?P<time>{DAY}[^{SIGNS}]*|\d{{5,}}(?:\.\d+)?)(?![^{SIGNS}])")
EXACTLY_ONCE = 2
"""The QoS that is handed over in four packets, and told when the last one has come."""
MOST_LINES = 100_000
"""Lines that one payload is printed on at most."""
MID = 65_535
"""The greatest packet identifier; the next one is 1."""
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
    return first.startswith("{") or any(topic in first for topic in EVENT_OF_TOPIC)


def load_run(path: Path, topics: Topics = PLAIN) -> Run:
    """The run of a file; `topics` is how they look on that bus. Raises `RunError`."""
    return read_run(_text(path), str(path), topics)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise RunError(f"{path} is not UTF-8 (byte {error.start}): save it as UTF-8") from None


def read_run(text: str, where: str = "<text>", topics: Topics = PLAIN) -> Run:
    """The run of a text. Raises `RunError`."""
    if STEP.search(text):
        return _explored(text, where)
    lines = text.splitlines()
    marked = [(n, line.lstrip()[len(MARK) :]) for n, line in enumerate(lines, 1) if line.lstrip().startswith(MARK)]
    return read_lines(marked or list(enumerate(lines, 1)), where, topics, is_cut=not text.endswith("\n"))


def read_lines(lines: Iterable[tuple[int, str]], where: str, topics: Topics = PLAIN, *, is_cut: bool = False) -> Run:
    """The run of numbered lines, put in the order of their times; `is_cut`: the last may be cut short.

    Raises `RunError`.
    """
    reader = Reader(where, topics, watches_time=False)
    rows = [(number, line) for number, line in lines if line.strip()]
    seen = [one for number, line in rows for one in reader.line(number, line)]
    seen += reader.close()
    if rows and is_cut and reader.passed_over and reader.passed_over[-1] == rows[-1][0]:
        seen.append(Gap(seen[-1].at if seen else 0.0, f"line {rows[-1][0]} may be cut short"))
    if not any(not isinstance(one, Gap) for one in seen):
        raise RunError(reader.nothing(rows))
    two_clocks = False
    if reader.is_timed and not reader.is_recorded:
        two_clocks = has_two_clocks(seen)
        seen = list(_ordered(seen))
    doubt = CLOCKS if two_clocks else ""
    misses = reader.is_mixed or two_clocks
    return replace(reader.run, seen=tuple(seen), is_timed=reader.is_timed, misses=misses, doubt=doubt)


def _ordered(seen: list[Observed]) -> Iterator[Observed]:
    """In the order of their times. If the lines had another order, that of those with one time is not known."""
    in_time = sorted(seen, key=lambda one: one.at)
    if in_time == seen:
        yield from seen
        return
    for at, group in groupby(in_time, lambda one: one.at):
        together = list(group)
        if len(together) > 1:
            yield Gap(at, "the lines are not in the order of their times, and several have this one")
        yield from together
        if len(together) > 1:
            yield Gap(at, "the lines are not in the order of their times, and several have this one")


class Reader:
    """Reads lines one after the other; `run` is what the first of them says of the observer.

    `watches_time`: a line that is earlier than the one before it is a gap.
    """

    def __init__(self, where: str, topics: Topics = PLAIN, *, watches_time: bool = True) -> None:
        self.where = where
        self.run = SUBSCRIBED
        self.is_timed = True
        self.is_recorded = False
        """Whether it is in the format of runs."""
        self.is_in_order = True
        """Whether no line was earlier than one before it, if that is watched."""
        self.passed_over: list[int] = []
        """The lines of other topics."""
        self._topics = topics
        self._watches_time = watches_time
        self._began = False
        self._latest = 0.0
        self._mid = 0
        self._qualities: set[int] = set()
        self._held: list[str] = []
        """Lines of a payload that goes on in the next one."""
        self._held_from = 0
        prefix = re.escape(f"{topics.prefix}/") if topics.prefix else ""
        known = "|".join(sorted(map(re.escape, EVENT_OF_TOPIC), key=len, reverse=True))
        self._event = re.compile(rf"(?<![^{SIGNS}]){prefix}(?P<topic>{known})(?:/(?P<client>[^\s/]+))?(?=[\s:,;|]|$)")
        self._below = re.compile(rf"(?<!\S)(?P<prefix>\S+?)/(?:{known})(?![^\s:])")

    @property
    def is_mixed(self) -> bool:
        """Whether lines of QoS 2 stand beside others, which overtake them on their way to a subscriber."""
        return EXACTLY_ONCE in self._qualities and len(self._qualities) > 1

    def nothing(self, rows: list[tuple[int, str]]) -> str:
        """Why nothing was seen in these lines, and the remedy."""
        for _, line in rows:
            found = self._below.search(line.replace('"', " "))
            if found is not None:
                prefix = found["prefix"]
                return f"{self.where}: its topics stand below {prefix}: give --prefix {prefix}"
        if not rows:
            return f"{self.where}: holds no run: expected {FORMS}"
        number, line = rows[0]
        return f"{self.where}, line {number}: {line[:60]!r} is no observation: expected {FORMS}"

    def line(self, number: int, line: str) -> Iterator[Observed]:
        """What a line tells, with those before it that it ends: a payload can be printed on several.

        Raises `RunError` for a first line that cannot be read, and in a recording.
        """
        if self._held and self._event.search(line) is not None and _depth(line) >= 0:
            yield from self.close()  # another begins: what was held is cut short
        if not self._held:
            self._held_from = number
        self._held.append(line.strip())
        if _depth(" ".join(self._held)) > 0 and len(self._held) < MOST_LINES:
            return
        yield from self.close()

    def close(self) -> Iterator[Observed]:
        """What the lines tell of which nobody knows whether they go on. Raises `RunError` as `line` does."""
        held, self._held = self._held, []
        if held:
            yield from self._whole(self._held_from, " ".join(held))

    def _whole(self, number: int, line: str) -> Iterator[Observed]:
        where, line = f"{self.where}, line {number}", line.strip()
        if not line:
            return
        try:
            for one in self._row(line, number, where) if line.startswith("{") else self._printed(line, number, where):
                yield from self._noted(one)
        except RunError as error:
            if not self._began or (self.is_recorded and not isinstance(error.__cause__, json.JSONDecodeError)):
                raise
            yield Gap(self._latest, str(error))

    def _row(self, line: str, number: int, where: str) -> Iterator[Observed]:
        """A line of JSON."""
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            if self._event.search(line[error.pos :]) is not None and line[error.pos - 1] in " }":
                yield from self._printed(line, number, where)  # the payload stands before the topic
                return
            raise RunError(f"{where}: column {error.colno}: no JSON object: {error.msg}") from error
        if row.get("kind") == "run":
            if self._began:
                raise RunError(f"{where}: a run begins in the middle of another; give one file for each")
            self.run, self.is_recorded, self._began = header(row, where), True, True
        elif "tst" in row or "kind" not in row:
            yield from self._told(row, number, where)
        else:
            self.is_recorded = True
            seen = from_json(row, float(number), where)
            self.is_timed = self.is_timed and "at" in row
            yield seen

    def _told(self, row: dict[str, Any], number: int, where: str) -> Iterator[Observed]:
        """A line of `mosquitto_sub -F %J`, or one like it; what was retained is from long ago."""
        mid, before = row.get("mid"), self._mid
        if isinstance(mid, int) and mid > 0:
            self._mid = mid
            if before and mid != before % MID + 1:
                text = f"line {number}: `mid` goes from {before} to {mid}: lines are missing, or not in order"
                yield Gap(self._latest, text)
        if row.get("retain"):
            return
        if isinstance(row.get("qos"), int):
            self._qualities.add(row["qos"])
        topic = row.get("topic")
        if isinstance(topic, str) and topic:
            row = {**row, "topic": self._topics.read(topic)[0]}
            if row["topic"] not in EVENT_OF_TOPIC:
                self.passed_over.append(number)
                return
        stamp = row.get("tst")
        at = _time(str(stamp), where) if stamp is not None else row.get("at", float(number))
        seen = from_json({**row, "kind": "published", "at": at}, float(number), where)
        self.is_timed = self.is_timed and (stamp is not None or "at" in row)
        yield seen

    def _printed(self, line: str, number: int, where: str) -> Iterator[Observed]:
        """A line of `mosquitto_sub -v`, or of a format with topic and payload."""
        found = self._event.search(line)
        if found is None:
            self.passed_over.append(number)
            is_event = '"EventId"' in line and self._below.search(line) is None
            if self._began and (is_event or SHAPE.fullmatch(line) is None):
                raise RunError(f"{where}: {line[:60]!r} is no observation")
            return
        before, after = line[: found.start()], line[found.end() :].strip(" \t:,;|")
        payload = _payload(after) or before[before.find("{") : before.rfind("}") + 1]
        stamp = TIME.search(before if after else before[before.rfind("}") + 1 :] or before)
        at = float(number) if stamp is None else _time(stamp["time"], where)
        self.is_timed = self.is_timed and stamp is not None
        yield read_event(Published, at, "", found["topic"], payload.encode())

    def _noted(self, seen: Observed) -> Iterator[Observed]:
        """With a gap before it if it comes too late."""
        if not isinstance(seen, Gap):
            self._began = True
            if self._watches_time and self.is_timed and seen.at < self._latest and not self.is_recorded:
                self.is_in_order = False
                yield Gap(self._latest, "the line is earlier than one before it: they are not in order")
                seen = replace(seen, at=self._latest)
            self._latest = max(self._latest, seen.at)
        yield seen


def _payload(text: str) -> str:
    """The payload in what stands behind a topic: without numbers and words before and after it, and not as digits."""
    if HEX.fullmatch(text) and len(text) % 2 == 0:
        return bytes.fromhex(text).decode(errors="replace")
    begin, end = text.find("{"), text.rfind("}") + 1
    if begin < 0 or end <= begin:
        return text
    around = text[:begin] + text[end:]
    return text[begin:end] if FIELDS.fullmatch(around) else text


def _depth(text: str) -> int:
    """How many braces and brackets of a text's JSON are open at its end; none within a string that is not ended."""
    begin = text.find("{")
    bare = STRING.sub("", text[begin:]) if begin >= 0 else STRING.sub("", text)
    if '"' in bare:
        return 0
    return sum(bare.count(sign) for sign in "{[") - sum(bare.count(sign) for sign in "}]")


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
    trackers = system.trackers
    roles = {node.name: TRACKER if place in trackers else TORRENT for place, node in enumerate(system.nodes)}
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
