"""What is seen of a service from outside, over HTTP: `/metrics`, `/healthz` and `/state`.

`/metrics` is for Prometheus, named after the charts. `/healthz` answers 200 for a member, or a tracker that serves, and
503 with the reason otherwise. `/state` is JSON, or a page for whoever asks for text/html. It only reads, and listens on
127.0.0.1 unless `metrics_host` says otherwise: it knows no passwords, and tells all that the service knows.
"""

import asyncio
import html
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from machines.participant import atomic_states
from runtime.services.settings import SettingsError
from runtime.services.supervisor import Service

log = logging.getLogger("clientjoin.service")

LONGEST = 8192
"""Bytes of a request's head that are read."""
PATIENCE = 5.0
"""Seconds that a request may take."""
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}


class Metrics:
    """Collects the metrics of a service whenever they are asked for."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.registry = CollectorRegistry()
        self.registry.register(self)  # what it asks of a collector is `collect`

    def collect(self) -> list[Metric]:
        """All metrics as they are now."""
        status, server = self.service.status, self.service.server
        now = status.clock()
        state = GaugeMetricFamily("clientjoin_state", "1 for the state of the MQTT client's chart.", labels=["state"])
        seconds = CounterMetricFamily("clientjoin_state_seconds", "Seconds in each state.", labels=["state"])
        for known in atomic_states(type(server.charts["client"])):
            here = known.id == status.state
            state.add_metric([known.id], float(here))
            seconds.add_metric([known.id], status.seconds.get(known.id, 0.0) + (now - status.since if here else 0.0))
        view = server.view
        return [
            state,
            seconds,
            _counted("transitions", "What the MQTT client's chart did.", "action", status.moves),
            _counted("joins", "Attempts to join, by outcome.", "outcome", status.joins),
            _counted("denials", "Denials, by reason.", "reason", status.denials),
            _counted("refused", "Messages that a chart refused.", "message", server.refused),
            _counted("malformed", "Malformed events, by kind.", "kind", _by_kind(server.refusals.counts)),
            _gauge("member", "1 for a registered torrent server, or a tracker that serves.", float(status.is_member)),
            _gauge("in_flight", "Publications that are not acknowledged.", float(server.in_flight)),
            _gauge("clients", "Registered clients in the view.", float(len(view.clients))),
            _gauge("admissions", "Pending admissions in the view.", float(len(view.admissions))),
            _gauge("files", "Files in the view.", float(len(view.files))),
            _gauge("fragments", "Fragments in the view.", float(len(view.fragments))),
            CounterMetricFamily(
                "clientjoin_missed", "Events of the tracker that did not come.", value=float(server.missed)
            ),
            CounterMetricFamily("clientjoin_reconnects", "Attempts to connect again.", value=float(status.reconnects)),
        ]

    def text(self) -> bytes:
        """The metrics as they are scraped."""
        return generate_latest(self.registry)


def _by_kind(counts: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for (_, kind), count in counts.items():
        found[kind] = found.get(kind, 0) + count
    return found


def _counted(name: str, text: str, label: str, counts: Any) -> CounterMetricFamily:
    family = CounterMetricFamily(f"clientjoin_{name}", text, labels=[label])
    for key, count in sorted(counts.items()):
        family.add_metric([key], float(count))
    return family


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"clientjoin_{name}", text, value=value)


def state_of(service: Service) -> dict[str, Any]:
    """All that a person wants to know of a service."""
    status, server = service.status, service.server
    view = server.view
    return {
        "name": status.name,
        "role": "tracker" if status.is_tracker else "torrent server",
        "member": status.is_member,
        "why_not": status.why(server.pause),
        "state": status.state,
        "seconds_in_state": round(status.clock() - status.since, 3),
        "joins": dict(status.joins),
        "denials": dict(status.denials),
        "reconnects": status.reconnects,
        "members": {
            name: {"endpoints": sorted(info.endpoints), "fragments": len(info.stored_fragments)}
            for name, info in sorted(view.clients.items())
        },
        "pending_admissions": sorted(view.admissions),
        "files": len(view.files),
        "fragments": len(view.fragments),
        "recent": list(status.recent)[-50:],
    }


def page_of(state: dict[str, Any]) -> str:
    """The same as a page."""
    rows = "".join(f"<tr><th>{html.escape(key)}<td>{_shown(value)}" for key, value in state.items())
    title = html.escape(f"{state['role']} {state['name']}")
    style = "body{font-family:sans-serif}th{text-align:left;vertical-align:top;padding-right:1em}pre{margin:0}"
    head = f'<!doctype html><meta charset="utf-8"><title>{title}</title><style>{style}</style>'
    return f"{head}<h1>{title}</h1><table>{rows}</table>"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        lines = (f"{html.escape(str(key))}: {html.escape(json.dumps(one))}" for key, one in value.items())
        return "<br>".join(lines) or "none"
    if isinstance(value, list):
        return "<pre>" + "\n".join(html.escape(str(one)) for one in value) + "</pre>"
    return html.escape(str(value))


@asynccontextmanager
async def served(service: Service, host: str, port: int | None) -> AsyncIterator[int | None]:
    """Serve while the service runs, and give the port; without a port nothing is served.

    Raises `SettingsError` if nobody can listen there.
    """
    if port is None:
        yield None
        return
    metrics = Metrics(service)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                writer.write(_answer(metrics, await reader.readuntil(b"\r\n\r\n")))
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            log.debug("a request over HTTP came to nothing: %s", error)
        finally:
            writer.close()

    try:
        server = await asyncio.start_server(answer, host, port, limit=LONGEST)
    except OSError as error:
        raise SettingsError(f"--metrics {port}: cannot listen on {host}: {error.strerror or error}") from None
    async with server:
        bound: int = server.sockets[0].getsockname()[1]
        log.info("http://%s:%d/state shows %s; also /metrics and /healthz", host, bound, service.status.name)
        yield bound


def _answer(metrics: Metrics, head: bytes) -> bytes:
    words = head.split(b"\r\n", 1)[0].split(b" ")
    if len(words) != 3:  # noqa: PLR2004 - method, target, version (RFC 9112, 3)
        return _response(400, "text/plain", b"expected METHOD TARGET HTTP/1.1\n")
    if words[0] not in {b"GET", b"HEAD"}:
        return _response(405, "text/plain", b"only GET and HEAD\n")
    path = words[1].partition(b"?")[0]
    service = metrics.service
    if path == b"/metrics":
        made = _response(200, "text/plain; version=0.0.4", metrics.text())
    elif path == b"/healthz":
        why = service.status.why(service.server.pause)
        made = _response(503 if why else 200, "text/plain", f"{why or 'ok'}\n".encode())
    elif path == b"/state" and b"text/html" in head.lower():
        made = _response(200, "text/html", page_of(state_of(service)).encode())
    elif path == b"/state":
        made = _response(200, "application/json", json.dumps(state_of(service), indent=1).encode() + b"\n")
    else:
        made = _response(404, "text/plain", b"there are /metrics, /healthz and /state\n")
    return made.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if words[0] == b"HEAD" else made


def _response(status: int, kind: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
