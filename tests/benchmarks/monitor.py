"""How many events a second a monitor judges: `python -m tests.benchmarks.monitor [SERVERS]`.

A tracker and many torrent servers, each with a file of its own, join at the same time; every event is delivered to
whoever subscribed. Then the tracker is replaced, and everybody joins again.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import replace

from immutabledict import immutabledict

from machines import rules
from machines.calls import JoinPossible
from machines.events import (
    BusEvent,
    ClientJoinRequested,
    ClientJoinSucceeded,
    FileMetadata,
    FragmentMetadata,
    TrackerHello,
)
from machines.rules import View
from spec.monitor import (
    SUBSCRIBER,
    Connected,
    Delivered,
    Disconnected,
    Monitor,
    Observed,
    Passed,
    Published,
    Sight,
    Subscribed,
)
from spec.monitor.monitor import TOPICS


def run(servers: int) -> Iterator[Observed]:
    """What is seen of it."""
    names = [f"torrent-{number}" for number in range(servers)]
    at, number = 0.0, 0
    knows = {name: FileMetadata(10, (f"{name}-1",)) for name in names}
    files = {name: {f"file of {name}": knows[name]} for name in names}
    parts = {name: {f"{name}-1": FragmentMetadata(10)} for name in names}
    own = {name: dict(parts[name]) for name in names}

    def connect(name: str) -> Iterator[Observed]:
        yield Connected(at, name)
        for topic in sorted(TOPICS["tracker" if name == "tracker" else "torrent"]):
            yield Subscribed(at, name, topic)

    def publish(event: BusEvent) -> Iterator[Observed]:
        nonlocal at, number
        at, number = at + 0.01, number + 1
        event = replace(event, event_id=f"event {number}")
        sender = "tracker" if event.publisher == "tracker" else getattr(event, "client", "")
        yield Published(at, sender, event)
        for name in ["tracker"] if event.publisher == "torrent" else online:
            yield Delivered(at, name, event)

    online: list[str] = []
    for name in names:
        yield from connect(name)
        online.append(name)
        yield from publish(_request(name, files, own))
    for _ in range(2):
        view = View("sha-256", 10)
        yield from connect("tracker")
        yield from publish(TrackerHello())
        requests = [_request(name, files, own) for name in names]
        for request in requests:
            yield from publish(request)
        for request in requests:
            view, answer = rules.admit(view, request)
            assert isinstance(answer, JoinPossible)
            yield from publish(answer.acceptance)
            files[request.client].update(answer.acceptance.add_file_infos)
        for name in names:
            yield from publish(ClientJoinSucceeded(client=name))
        for name in names:
            view, applied = rules.register(view, name)
            yield from publish(applied.registered)
            for other in names:
                files[other].update(applied.registered.added_files)
        yield Disconnected(at, "tracker")


def _request(
    name: str, files: dict[str, dict[str, FileMetadata]], own: dict[str, dict[str, FragmentMetadata]]
) -> ClientJoinRequested:
    return ClientJoinRequested(
        client=name,
        hash_algorithm="sha-256",
        known_file_infos=immutabledict(files[name]),
        stored_fragments=immutabledict(own[name]),
        endpoints=frozenset({f"http://{name}/"}),
    )


def main() -> None:
    """Print events a second, with everything seen and with publications only."""
    servers = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    seen = list(run(servers))
    for what, sight in (("everything", Sight()), ("publications", SUBSCRIBER)):
        monitor = Monitor(sight)
        told = seen if sight.deliveries else [one for one in seen if isinstance(one, Published)]
        began = time.perf_counter()
        slowest, last = 0.0, 0.0
        for one in told:
            before = time.perf_counter()
            found = monitor.see(one)
            if found is not None:
                raise SystemExit(f"forbidden: {found.client} {found.what} {found.where} {type(found.event)}")
            if one.at - last > 1:
                last = one.at
                monitor.see(Passed(one.at))
            slowest = max(slowest, time.perf_counter() - before)
        seconds = time.perf_counter() - began
        print(
            f"{servers} servers, {what} seen: {len(told)} events, {len(told) / seconds:,.0f} a second, "
            f"the slowest took {1000 * slowest:.0f} ms; {monitor.answer.value}"
        )


if __name__ == "__main__":
    main()
