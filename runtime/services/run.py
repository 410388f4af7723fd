"""From settings to a service that runs: `run_tracker`, `run_torrent`."""

import contextlib
import gc
import logging
import sys
from collections.abc import AsyncIterator
from dataclasses import replace

from machines.calls import Role
from machines.clock import Clock
from machines.distribution_view import DistributionView
from machines.events import ClientMetadata
from machines.limits import Limits
from machines.participant import Participant
from machines.rules import View
from machines.torrent_server import TorrentServer
from machines.tracker import Tracker
from runtime.mqtt.broker import EmbeddedBroker
from runtime.mqtt.session import BrokerAddress, Session, Will
from runtime.services.back_off import BackOff
from runtime.services.bus_adapter import Dial
from runtime.services.keeping import Keeper, StoreFailure
from runtime.services.server import ServiceServer
from runtime.services.settings import ServiceSettings, SettingsError, TorrentSettings, TrackerSettings
from runtime.services.share import Shared, share
from runtime.services.status import Status
from runtime.services.store import Store
from runtime.services.supervisor import Exit, Service, Supervisor, told_by_signals
from runtime.services.web import served

log = logging.getLogger("clientjoin.service")

RETRIES = sys.maxsize
"""How often a torrent server asks again: as long as it runs."""


def dial(settings: ServiceSettings, address: BrokerAddress | None = None) -> Dial:
    """What makes sessions with the broker of these settings, or with another one. Raises `SettingsError`.

    Certificates are read again for each connection: they are renewed while a service runs.
    """
    at = address or settings.address()
    tls = settings.tls()

    def connect(client: str, will: Will | None) -> Session:
        nonlocal tls
        try:
            tls = settings.tls()
        except SettingsError as error:
            log.warning("%s; those read before are used", error)
        return Session(
            at,
            client,
            settings.qos,
            patience=settings.patience,
            keepalive=settings.keepalive,
            will=will,
            tls=tls,
            hears=1,
        )

    return connect


def make(settings: ServiceSettings, chart: Participant, view: View, dialled: Dial, keeper: Keeper | None) -> Service:
    """A service of these charts."""
    status = Status(settings.id, isinstance(chart, Tracker))
    asking = BackOff(settings.retry_first, settings.retry_most)
    status.on_member = asking.reset
    charts: dict[Role, Participant] = {"client": chart, "clock": Clock(), "view": DistributionView(view)}
    server = ServiceServer(
        charts,
        dialled,
        topics=settings.topics,
        timeout=settings.timeout,
        pauses=asking,
        max_payload=settings.max_payload,
        keeper=keeper,
        observer=status.moved,
        on_size=status.sized,
    )
    pauses = BackOff(settings.retry_first, settings.retry_most)
    return Service(Supervisor(server, status, pauses, settings.stop_within), status)


def tracker(
    settings: TrackerSettings,
    address: BrokerAddress | None = None,
    keeper: Keeper | None = None,
    known: View | None = None,
) -> Service:
    """A tracker; `known` is what was stored. Raises `SettingsError`."""
    kept = known or View()
    limits = Limits(
        settings.max_clients,
        settings.max_files,
        settings.max_fragments,
        settings.max_endpoints,
        settings.max_payload,
    )
    algorithm, size = settings.hash_algorithm, settings.fragment_size
    view = replace(kept, hash_algorithm=algorithm, fragment_size=size, limits=limits)
    return make(settings, Tracker(settings.id, session="not connected yet"), view, dial(settings, address), keeper)


def torrent(settings: TorrentSettings, shared: Shared | None = None, address: BrokerAddress | None = None) -> Service:
    """A torrent server that brings what is shared. Raises `SettingsError`."""
    files, fragments = (shared or Shared()).frozen()
    view = View(
        settings.hash_algorithm,
        settings.fragment_size if shared and shared.files else None,
        files=files,
        fragments=fragments,
        own=ClientMetadata(frozenset(settings.endpoint), frozenset(fragments)),
    )
    chart = TorrentServer(settings.id, session="not connected yet", retries=RETRIES, leaves_will=True)
    return make(settings, chart, view, dial(settings, address), None)


async def run(service: Service, settings: ServiceSettings) -> Exit:
    """Run until a signal says stop, or there is no use in going on. Raises `SettingsError`."""
    gc.collect()
    gc.freeze()  # what is there now stays to the end, so that nobody need look for garbage in it
    with told_by_signals(service.supervisor.stop):
        async with served(service, settings.metrics_host, settings.metrics):
            return await service.supervisor.run()


@contextlib.asynccontextmanager
async def broker_of(settings: TrackerSettings) -> AsyncIterator[BrokerAddress | None]:
    """The embedded broker, where the settings ask for it; None where there is one already.

    It listens where `broker` says. Raises `runtime.mqtt.broker.BrokerError` if it cannot.
    """
    if not settings.embedded_broker:
        yield None
        return
    at = settings.address()
    async with EmbeddedBroker(at.host, at.port) as broker:
        log.info("the embedded broker listens on mqtt://%s:%d: for a first try, on one machine", at.host, broker.port)
        yield BrokerAddress(at.host, broker.port)


def _check_embedded(settings: TrackerSettings) -> None:
    """Raise `SettingsError` if the embedded broker is asked for what it has not."""
    at = settings.address()
    if settings.embedded_broker and (at.tls or at.websocket_path is not None or at.user):
        raise SettingsError(
            "--embedded-broker takes mqtt://HOST:PORT alone: it has neither TLS, WebSockets nor passwords; "
            "anybody who reaches its port may connect, so it is for one machine"
        )


async def run_tracker(settings: TrackerSettings) -> Exit:
    """Run a tracker. Raises `SettingsError`, `BrokerError`."""
    _check_embedded(settings)
    try:
        with Store(settings.store_url) as store:
            known = store.load()
            log.info(
                "the store %s holds %d files, %d fragments and %d clients of the previous run",
                store.place,
                len(known.files),
                len(known.fragments),
                len(known.clients),
            )
            async with broker_of(settings) as address:
                return await run(tracker(settings, address, store, known), settings)
    except StoreFailure as failure:
        log.error("%s: %s", settings.id, failure)  # noqa: TRY400 - the message is all that helps
        return Exit.STORE


async def run_torrent(settings: TorrentSettings, shared: Shared) -> Exit:
    """Run a torrent server that shares this. Raises `SettingsError`."""
    return await run(torrent(settings, shared), settings)


def shared_by(settings: TorrentSettings) -> Shared:
    """What is shared: hashed where it is not known yet, with progress on a terminal. Raises `SettingsError`."""
    at_terminal = sys.stderr.isatty()

    def progress(path: str, done: int, total: int) -> None:
        if at_terminal:
            percent = 100 * done // total if total else 100
            sys.stderr.write(f"\r\033[Khashing {percent} % {path[-60:]}" if path else "\r\033[K")
            sys.stderr.flush()
        elif path:
            log.info("hashing %s (%d of %d bytes done)", path, done, total)

    shared = share(settings.share, settings.hash_algorithm, settings.fragment_size, settings.cache, progress)
    if settings.share:
        log.info(
            "shares %d files in %d fragments of at most %d bytes; %d files were hashed, the others known",
            len(shared.files),
            len(shared.fragments),
            settings.fragment_size,
            shared.hashed,
        )
    return shared
