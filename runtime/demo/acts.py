"""The acts of a demo: what its servers do, one after the other."""

from machines.tracker import TRACKER_ID
from runtime.demo.arming import Arming, Clocks
from runtime.demo.audience import Audience
from runtime.demo.servers import DemoServers
from runtime.demo.settings import CLIENT, Settings
from runtime.demo.waiting import SILENCE, DemoError, Waiting
from runtime.recorder import RunRecorder


class Acts:
    """The acts, each played by the servers. Each raises `DemoError` where a server loses the broker, and what the
    audience raises.
    """

    def __init__(
        self,
        settings: Settings,
        recorder: RunRecorder,
        audience: Audience,
        *,
        arming: Arming,
        clocks: Clocks,
        demo_servers: DemoServers,
    ) -> None:
        self._settings, self._recorder, self._audience = settings, recorder, audience
        self._arming, self._clocks, self._demo_servers = arming, clocks, demo_servers
        self._until = Waiting(settings, demo_servers, clocks, audience).until

    async def prelude(self) -> None:
        """The tracker starts, and the registered client joins."""
        self._begin("Before the diagram begins: the tracker starts, and one client joins")
        tracker = self._demo_servers.start_tracker()
        await self._until(lambda: tracker.where == ("awaiting_requests",), "the tracker serves")
        client = self._demo_servers.start_torrent(CLIENT)

        def is_registered() -> bool:
            return client.where == ("registered",) and self._demo_servers.at_rest()

        if not await self._until(is_registered, f"{CLIENT} is registered"):
            raise DemoError(
                f"{CLIENT} did not get registered, although nothing went wrong on purpose; {TRACKER_ID} is in "
                f"{'/'.join(tracker.where)}, {CLIENT} in {'/'.join(client.where)}; a longer --timeout may help"
            )

    async def first_round(self) -> None:
        """The torrent servers start, and ask to join; from here on faults happen."""
        self._begin(f"Client Join: {self._settings.scenario.tells}")
        self._arming.arm()
        for name in self._settings.joining:
            self._demo_servers.start_torrent(name)
        ends_here = self._settings.scenario.returns == "no"
        await self._until(
            self._demo_servers.all_is_well if ends_here else self._demo_servers.at_rest, "every join has ended"
        )

    async def the_tracker_returns(self) -> None:
        """The tracker reconnects or is replaced, and whoever hears its hello joins again."""
        if not self._settings.faults:
            self._clocks.run_long()
        self._demo_servers.mend_storage()
        if self._settings.scenario.returns == "reconnects":
            self._begin("Tracker Server reconnects")
            await self._demo_servers.tracker.reconnect()
        else:
            self._begin("Tracker Server is replaced by another Tracker Server")
            await self._demo_servers.tracker.crash()
            await self._until(
                lambda: TRACKER_ID not in self._recorder.broker.data.sessions, "the broker notices", SILENCE
            )
            self._demo_servers.start_tracker(anew=True)
        await self._until(lambda: self._demo_servers.tracker.where == ("awaiting_requests",), "the tracker serves")
        # Who hears the hello joins; a lost hello leaves everybody where they are, which shows in the end.
        await self._until(self._demo_servers.all_is_well, "everybody is registered")

    async def goodbye(self) -> None:
        """Everybody says goodbye: the torrent servers, then the tracker, then the client that joined first."""
        self._begin("Goodbye")
        client, joining = self._demo_servers.servers[CLIENT], self._settings.joining
        for name in joining:
            await self._demo_servers.stop(name)
        await self._until(lambda: not self._demo_servers.knows_any(joining), "they are forgotten", SILENCE / 2)
        await self._demo_servers.stop(TRACKER_ID)
        await self._until(lambda: client.where != ("registered",), f"{CLIENT} knows", SILENCE / 2)
        await self._demo_servers.stop(CLIENT)
        await self._until(lambda: not self._recorder.broker.data.sessions, "the broker knows", SILENCE / 2)

    def _begin(self, title: str) -> None:
        self._recorder.acts[len(self._recorder.arrows)] = title
        self._audience.act(title)
