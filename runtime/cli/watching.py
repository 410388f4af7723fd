"""What `clientjoin monitor` makes of what it sees: who is told what, and when; counters for Prometheus."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from runtime.runs.format import Run
    from runtime.services.topics import Topics
    from spec.monitor import Forbidden, Monitor, Observed

MINUTE = 60.0
"""Seconds of what was seen that are saved with what is forbidden."""
SHOWN_AFTER = 0.2
"""Seconds after which it is shown what states have changed; an event that is forbidden is told at once."""
PAUSES = 5
"""How many times as long as it was looked where a server can be, others have their turns."""
A_LOOK = 0.005
"""Seconds for which that is looked for in one go."""
MOST_PUT_OFF = 20
"""Times that it is looked for in vain, since more is seen meanwhile; then it is looked for in one go."""
REFRESHED = 0.25
"""Seconds after which the display is drawn anew."""
EPOCH = 1e8
"""Times of so many seconds are since the epoch, not since the beginning of what was seen."""
STATES = 3
"""Of the states that a server can be in, so many are named."""


@dataclass(frozen=True)
class Options:
    """What the command line says of how the bus is seen, and of the servers; `lag` and `timeout` in seconds."""

    tracker: str
    lag: float
    timeout: float
    lossless: bool
    unordered: bool
    from_the_start: bool
    as_drawn: bool
    gaps: bool
    topics: "Topics"

    def laid_over(self, run: "Run") -> "Run":
        """The run as its observer sees it, with what the command line adds."""
        start = self.from_the_start or run.from_the_start
        in_order = run.in_order and not self.unordered
        tracker = self.tracker or run.tracker
        doubts = run.reconsiders and not self.lossless
        return replace(run, from_the_start=start, tracker=tracker, in_order=in_order, reconsiders=doubts)

    def monitor(self, run: "Run") -> "Monitor":
        from runtime.runs.format import UNTIMED
        from spec.monitor import Assumptions

        assumed = Assumptions(self.timeout, self.lag) if run.is_timed else UNTIMED
        return run.monitor(assumed=assumed, as_drawn=self.as_drawn, misses=self.gaps or run.misses, leaves_open=True)


@dataclass
class Watcher:
    """Tells people, or programs, what a monitor says."""

    options: Options
    console: Console
    as_json: bool
    folder: Path | None
    monitor: "Monitor | None" = None
    run: "Run | None" = None
    is_in_order: bool = True
    told: int = 0
    """How many forbidden events were told."""
    counts: Counter[str] = field(default_factory=Counter)
    recent: deque["Observed"] = field(default_factory=deque)
    states: dict[str, str] = field(default_factory=dict)
    to_show: dict[str, None] = field(default_factory=dict)
    """The clients whose states may have changed, of a broker that runs."""
    put_off: Counter[str] = field(default_factory=Counter)
    """How often it was looked for in vain where a client can be."""
    display: Live | None = None
    shown: float = 0.0
    """When the display was drawn anew; each time takes as long as many events."""

    # Where it comes from.

    def read(self, logs: Sequence[str]) -> None:
        """Files, put together if they are several; or standard input, line by line as it comes."""
        from runtime.runs.logs import Reader, load_run
        from runtime.runs.merging import merged

        if logs != ["-"]:
            topics = replace(self.options.topics, per_client=True)
            run = self.options.laid_over(merged([(log, load_run(Path(log), topics)) for log in logs]))
            for seen in run.seen:
                self.see(seen, run)
            return
        reader = Reader("standard input", replace(self.options.topics, per_client=True))
        for number, line in enumerate(sys.stdin, 1):
            for seen in reader.line(number, line):
                self.see(seen, self.options.laid_over(replace(reader.run, is_timed=reader.is_timed)))
                self.show(self.changed(seen))
        for seen in reader.close():
            self.see(seen, self.options.laid_over(replace(reader.run, is_timed=reader.is_timed)))
        self.is_in_order = reader.is_in_order

    def live(self, url: str, seconds: float | None, port: int | None) -> None:
        """A broker, until the time is over or somebody interrupts."""
        from runtime.mqtt.session import BrokerAddress
        from runtime.runs.format import RunError
        from runtime.runs.live import UnreachableError

        try:
            address = BrokerAddress.parse(url)
        except ValueError as error:
            raise RunError(str(error)) from None
        in_place = self.console.is_terminal and not self.as_json
        self.display = Live(console=self.console, auto_refresh=False) if in_place else None
        with self.display or contextlib.nullcontext():
            try:
                asyncio.run(self._watch(address, seconds, port))
            except UnreachableError as error:
                raise RunError(str(error)) from None
            except KeyboardInterrupt:
                pass
            if self.display is not None and self.monitor is not None:
                self.display.update(self.table(), refresh=True)

    async def _watch(self, address: Any, seconds: float | None, port: int | None) -> None:
        from runtime.runs.format import SUBSCRIBED
        from runtime.runs.live import watch

        run = self.options.laid_over(SUBSCRIBED)
        async with self._served(port):
            loop = asyncio.get_running_loop()
            task = asyncio.current_task()
            ended: list[signal.Signals] = []

            def end(by: signal.Signals) -> None:
                if task is not None and not ended:
                    ended.append(by)
                    task.cancel()

            for by in (signal.SIGINT, signal.SIGTERM):
                with contextlib.suppress(NotImplementedError):
                    loop.add_signal_handler(by, end, by)
            try:
                async with asyncio.timeout(seconds), self._showing():
                    async for seen in watch(address, f"monitor-{os.getpid()}", self.options.topics):
                        self.see(seen, run)
                        self.to_show[self.changed(seen)] = None
            except TimeoutError:
                pass
            except asyncio.CancelledError:
                if not ended:
                    raise

    @contextlib.asynccontextmanager
    async def _showing(self) -> AsyncIterator[None]:
        """Meanwhile, show now and then which states have changed, in a small part of the time: judging goes first."""

        async def show() -> None:
            while True:
                await asyncio.sleep(SHOWN_AFTER)
                for client in [*self.to_show]:
                    where = await self._looked_up(client)
                    began = time.monotonic()
                    if where is not None:
                        del self.to_show[client]
                        self.show(client, where)
                    await asyncio.sleep(PAUSES * (time.monotonic() - began))

        watching, showing = asyncio.current_task(), asyncio.create_task(show())
        assert watching is not None
        ended: list[object] = []

        def end(_: object) -> None:
            if not ended:
                watching.cancel()

        showing.add_done_callback(end)  # it ends of itself only where it has failed, as on a closed pipe
        try:
            yield
        finally:
            if showing.done():
                showing.result()
            ended.append(None)
            showing.cancel()
            for client in self.to_show:
                self.show(client)

    async def _looked_up(self, client: str) -> tuple[str, ...] | None:
        """Where a client can be, found out bit by bit while others have turns; None if more was seen meanwhile."""
        assert self.monitor is not None
        found: set[str] = set()
        observations, began = self.counts["observations"], time.monotonic()
        is_patient = self.put_off[client] < MOST_PUT_OFF
        for where in self.monitor.looking(client):
            found.add(where)
            if is_patient and time.monotonic() - began > A_LOOK:
                await asyncio.sleep(PAUSES * A_LOOK)
                if self.counts["observations"] > observations:
                    self.put_off[client] += 1
                    return None
                began = time.monotonic()
        self.put_off.pop(client, None)
        return tuple(sorted(found))

    # What is done with it.

    def see(self, seen: "Observed", run: "Run") -> None:
        """Judge an observation, and tell what is forbidden about it."""
        from spec.monitor import Published

        if self.monitor is None:
            self.run, self.monitor = run, self.options.monitor(run)
        began = time.perf_counter()
        found = self.monitor.see(seen)
        self.counts["seconds"] += time.perf_counter() - began  # type: ignore[assignment]
        self.counts["observations"] += 1
        self.counts["publications"] += isinstance(seen, Published)
        self.recent.append(seen)
        while self.recent and self.recent[0].at < seen.at - MINUTE:
            self.recent.popleft()
        if found is not None:
            self.tell(found)

    def changed(self, seen: "Observed") -> str:
        """The client whose state may have changed."""
        from spec.monitor import Published
        from spec.monitor.observation import publisher

        assert self.monitor is not None
        client = getattr(seen, "client", "")
        return client or (publisher(seen.event, self.monitor.tracker) if isinstance(seen, Published) else "")

    def show(self, client: str, where: tuple[str, ...] | None = None) -> None:
        """The state of a server, if it has changed; `where` it can be, if that is known already."""
        assert self.monitor is not None
        if client:
            where = self.monitor.where(client) if where is None else where
            now = _where(where)
            if self.states.get(client) != now:
                self.states[client] = now
                if self.as_json:
                    self._print({"client": client, "at": self.monitor.at, "where": where})
                elif self.display is None:
                    self.console.print(Text(f"{_when(self.monitor.at):>10}  {client}: {now}"), soft_wrap=True)
        if self.display is not None and time.monotonic() - self.shown >= REFRESHED:
            self.shown = time.monotonic()
            self.display.update(self.table(), refresh=True)

    def table(self) -> Table:
        """One line for each server."""
        assert self.monitor is not None
        table = Table("server", "role", "can be", box=None)
        wrong = {found.client for found in self.monitor.forbidden}
        for client, one in sorted(self.monitor.participants.items()):
            if one.track is not None:
                where = self.states.get(client) or _where(self.monitor.where(client))
                shown = f"{where}, after a forbidden event" if client in wrong else where
                table.add_row(client, one.role, shown, style="bold red" if client in wrong else "")
        return table

    def tell(self, found: "Forbidden") -> None:
        """A forbidden event, with its explanation."""
        from spec.monitor.explanation import alone, diagram, nearest, sentences, shortest

        assert self.monitor is not None
        self.told += 1
        short = shortest(found, alone(found, self.monitor))
        files = self._save(found, short) if self.folder else []
        if self.as_json:
            row = {"forbidden": found.client, "role": found.role, "at": found.at, "why": list(sentences(found))}
            self._print({**row, "diagram": diagram(short), "allowed": nearest(short), "saved": files})
            return
        first, *rest = sentences(found)
        self.console.print(Text(f"{_when(found.at):>10}  FORBIDDEN  {first}", style="bold red"), soft_wrap=True)
        for sentence in rest:
            self.console.print(Text(f"{'':12}{sentence}", style="red"), soft_wrap=True)
        if files:
            self.console.print(Text(f"{'':12}saved: {', '.join(files)}"), soft_wrap=True)
        elif self.told == 1:
            for line in (
                *diagram(short).splitlines(),
                "the nearest run that is allowed:",
                *nearest(short).splitlines(),
            ):
                self.console.print(Text(f"{'':12}{line}".rstrip()), soft_wrap=True)

    def _save(self, found: "Forbidden", short: "Forbidden") -> list[str]:
        """The last minute, which can be judged again, and the shortest run beside the nearest allowed one."""
        from runtime.runs.format import commented
        from spec.monitor.explanation import diagram, nearest

        assert self.folder is not None
        assert self.run is not None
        name = f"forbidden-{self.told}-{re.sub(r'[^A-Za-z0-9_-]', '_', found.client)}"
        minute = replace(self.run, seen=tuple(self.recent), from_the_start=self.run.from_the_start)
        drawn = diagram(found, before=[one for one in self.recent if one is not found.seen])
        texts = {
            f"{name}-last-minute.txt": "\n".join((drawn.rstrip(), "", *commented(minute))) + "\n",
            f"{name}-shortest.txt": diagram(short),
            f"{name}-allowed.txt": nearest(short),
        }
        for file, text in texts.items():
            (self.folder / file).write_text(text, encoding="utf-8")
        return [str(self.folder / file) for file in texts]

    def end(self) -> int:
        """Say how it ended, and give the exit status."""
        from runtime.runs.judged import SHOWN
        from spec.monitor import Answer

        if self.monitor is None:
            typer.echo("clientjoin: nothing was seen", err=True)
            return Answer.CANNOT_TELL.status
        answer, unjudged = self.monitor.answer, self.monitor.unjudged
        if not self.is_in_order:  # what was forbidden may have been allowed by a line that came later
            answer = Answer.CANNOT_TELL
        if self.as_json:
            rows = [{"client": one.client, "at": one.seen.at, "why": one.why} for one in unjudged]
            where = {client: self.monitor.where(client) for client in self.monitor.participants}
            self._print({"answer": answer.value, "judged": self.monitor.judged, "unjudged": rows, "where": where})
            return answer.status
        if self.display is None:
            self.console.print(self.table())
        for one in unjudged[:SHOWN]:
            text = f"not judged: {one.client or 'everybody'} at {_when(one.seen.at)}: {one.why}"
            self.console.print(Text(text, style="yellow"), soft_wrap=True)
        if len(unjudged) > SHOWN:
            self.console.print(Text(f"not judged: {len(unjudged) - SHOWN} more", style="yellow"))
        many = len(self.monitor.forbidden)
        self.console.print(f"{answer.value}: {self.monitor.judged} publications judged, {many} forbidden events")
        if not self.is_in_order:
            self.console.print(
                "the lines are not in order: give the log as a file, which is put in the order of its times"
            )
        elif self.run is not None and not self.run.sight.connections:
            self._print_doubts(sum(one.is_of_the_past for one in self.monitor.forbidden))
        return answer.status

    def _print_doubts(self, doubtful: int) -> None:
        """What may be otherwise since the observer only subscribed; `doubtful` events hang on earlier ones."""
        assert self.run is not None
        if self.run.misses:
            text = "lines of QoS 2 are overtaken by others, so that what only another order explains is not judged: "
            self.console.print(self.run.doubt or text + "record with mosquitto_sub -q 1")
        if doubtful and not self.options.gaps:
            many = "it" if doubtful == 1 else f"{doubtful} of them"
            self.console.print(
                f"a publication that is missing before, or not in its place, could explain {many}: if lines can be "
                "missing, or if QoS 2 was recorded (mosquitto_sub -q 2), judge again with --gaps"
            )

    def _print(self, row: dict[str, Any]) -> None:
        self.console.print(Text(json.dumps(row)), soft_wrap=True)

    # For Prometheus.

    @contextlib.asynccontextmanager
    async def _served(self, port: int | None) -> AsyncIterator[None]:
        """Counters for Prometheus on a port of this machine."""
        if port is None:
            yield
            return

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                async with asyncio.timeout(5):
                    await reader.readuntil(b"\r\n\r\n")
                    body = "".join(f"{line}\n" for line in self._counters()).encode()
                    head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n"
                    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
                    await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", port)
        typer.echo(f"counters: http://127.0.0.1:{server.sockets[0].getsockname()[1]}/metrics", err=True)
        async with server:
            yield

    def _counters(self) -> Iterator[str]:
        monitor = self.monitor
        values = {
            "publications_total": self.counts["publications"],
            "judged_total": 0 if monitor is None else monitor.judged,
            "forbidden_total": 0 if monitor is None else len(monitor.forbidden),
            "unjudged_total": 0 if monitor is None else len(monitor.unjudged),
            "judging_seconds_total": self.counts["seconds"],
        }
        for name, value in values.items():
            yield f"# TYPE clientjoin_monitor_{name} counter"
            yield f"clientjoin_monitor_{name} {value:g}"


def _when(at: float) -> str:
    """A time: seconds since the epoch as ISO 8601 in UTC, others as they are."""
    if at < EPOCH:
        return f"{at:.3f} s"
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S}.{int(at % 1 * 1000):03}Z"


def _where(states: tuple[str, ...]) -> str:
    if not states:
        return "not known"
    shown = [state.replace("_", " ") for state in states]
    more = len(shown) - STATES
    return " or ".join(shown[:STATES]) + (f" or one of {more} more" if more > 0 else "")
