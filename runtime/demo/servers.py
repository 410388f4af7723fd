"""The servers of a demo: who is there, with what, and where each of them is."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from uuid import uuid4

from immutabledict import immutabledict

from machines import (
    ClientMetadata,
    Clock,
    DistributionView,
    FileMetadata,
    FragmentMetadata,
    Participant,
    TorrentServer,
    Tracker,
    View,
)
from machines.calls import Role
from machines.tracker import TRACKER_ID
from runtime.demo.arming import Clocks
from runtime.demo.scenarios import Scenario
from runtime.demo.settings import CLIENT, Settings
from runtime.driver import Move, Server
from runtime.mqtt.session import Session

HASH = "sha-256"
SIZES = (1024, 2048)
"""Fragment sizes in bytes: of the first service, and of the one that the torrent servers need where they conflict."""


class DemoServers:
    """The servers by name, in the order in which they came."""

    def __init__(
        self,
        settings: Settings,
        clocks: Clocks,
        connect: Callable[[str], Session],
        observer: Callable[[Move], None],
    ) -> None:
        """`connect` gives a session for a name, `observer` is told what servers do."""
        self.servers: dict[str, Server] = {}
        self._settings, self._clocks, self._connect, self._observer = settings, clocks, connect, observer
        self._stopped: set[str] = set()
        self._refused_before = 0

    @property
    def tracker(self) -> Server:
        """The tracker that is there now."""
        return self.servers[TRACKER_ID]

    def start_tracker(self, *, anew: bool = False) -> Server:
        """A tracker server that knows one file; `anew`: its service suits those that conflicted with the first."""
        size = SIZES[1] if anew and self._settings.scenario.conflicts else SIZES[0]
        return self._start(TRACKER_ID, Tracker(TRACKER_ID), view_of_tracker(size))

    def start_torrent(self, name: str) -> Server:
        """A torrent server that brings a file and a fragment of its own."""
        session = str(uuid4()) if self._settings.hardened else ""
        return self._start(name, TorrentServer(name, session=session), view_of_torrent(name, self._settings.scenario))

    def _start(self, name: str, chart: Participant, view: View) -> Server:
        """A new server, in place of an earlier one of the same name."""
        if name in self.servers:
            self._refused_before += _refusals(self.servers.pop(name))
        charts: dict[Role, Participant] = {"client": chart, "clock": Clock(), "view": DistributionView(view)}
        server = Server(charts, self._connect, timeout=self._clocks.seconds, observer=self._observer)
        self.servers[name] = server
        self._clocks.follow(server)
        server.start()
        return server

    def mend_storage(self) -> None:
        """From here on the views of the torrent servers that ask to join can be changed."""
        for name in self._settings.joining:
            view = self.servers[name].charts["view"]
            view.data = replace(view.data, view=replace(view.data.view, storage="sound"))

    async def stop(self, name: str) -> None:
        """Let a server say goodbye."""
        self._stopped.add(name)
        await self.servers[name].stop()

    async def crash(self) -> None:
        """Take all servers down."""
        await asyncio.gather(*(server.crash() for server in self.servers.values()))

    def cut_off(self) -> Iterator[Server]:
        """The servers that have lost the broker, and were not stopped."""
        for name, server in self.servers.items():
            if server.where == ("offline",) and name not in self._stopped:
                yield server

    def refused(self) -> int:
        """How many messages were malformed or not declared."""
        return self._refused_before + sum(map(_refusals, self.servers.values()))

    # Where they are.

    def at_rest(self) -> bool:
        """Whether every join has ended, and the tracker has no admission pending.

        News of it can still be on their way.
        """
        joiners = [server for name, server in self.servers.items() if name != TRACKER_ID]
        return self.tracker.where == ("awaiting_requests",) and all(
            server.where in {("registered",), ("awaiting_hello",)} for server in joiners
        )

    def everybody_is_registered(self) -> bool:
        """Whether every client counts itself as registered, and is in the tracker's view."""
        clients = {CLIENT, *self._settings.joining}
        known = {*_view(self.tracker).clients}
        return known == clients and all(self.servers[name].where == ("registered",) for name in clients)

    def views_agree(self) -> bool:
        """Whether those who count themselves as registered share the tracker's view of files, fragments and clients."""
        views = [
            _view(server)
            for name, server in self.servers.items()
            if name == TRACKER_ID or server.where == ("registered",)
        ]
        return len({(view.files, view.fragments, view.clients) for view in views}) == 1

    def all_is_well(self) -> bool:
        """Whether everybody is registered, nothing is pending, and all views agree."""
        return self.at_rest() and self.everybody_is_registered() and self.views_agree()

    def knows_any(self, clients: list[str]) -> bool:
        """Whether the tracker, or the client that joined first, holds any of these in its view."""
        return any({*clients} & {*_view(self.servers[name]).clients} for name in (TRACKER_ID, CLIENT))


def view_of_tracker(fragment_size: int) -> View:
    """A service with one file; sizes in bytes."""
    names = ("a-1", "a-2", "a-3")
    return View(
        HASH,
        fragment_size,
        files=immutabledict({"file-a": FileMetadata(len(names) * fragment_size, names)}),
        fragments=immutabledict({name: FragmentMetadata(fragment_size) for name in names}),
    )


def view_of_torrent(name: str, scenario: Scenario) -> View:
    """What a torrent server brings: what is wrong with it in a scenario is wrong with those that join late."""
    joins_late = name != CLIENT
    fragment = f"{name}-1"
    return View(
        HASH,
        SIZES[1] if scenario.conflicts and joins_late else None,
        files=immutabledict({f"file-of-{name}": FileMetadata(100, (fragment,))}),
        fragments=immutabledict({fragment: FragmentMetadata(100)}),
        own=ClientMetadata(frozenset({f"http://{name}.example/fragments"}), frozenset({fragment})),
        storage="broken" if scenario.storage_fails and joins_late else "sound",
    )


def _view(server: Server) -> View:
    view: View = server.charts["view"].data.view
    return view


def _refusals(server: Server) -> int:
    return server.refusals.total + server.refused.total()
