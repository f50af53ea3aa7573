"""The operations port: metrics and probes, on a thread of its own.

A slow or hostile scraper must not touch the loop that answers CCRs. Nothing here names a subscriber.
"""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from http.client import HTTPException
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.registry import Collector

#: A loop that has not turned for this long does not live.
HEARTBEAT_SECONDS = 5.0
#: A scraper gets this long for its request.
REQUEST_SECONDS = 10

StartResponse = Callable[[str, list[tuple[str, str]]], object]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 32


class _Quiet(WSGIRequestHandler):
    timeout = REQUEST_SECONDS

    def log_message(self, format: str, *args: object) -> None:
        """Probes come every few seconds: they are no news."""


class OpsServer:
    """Serves /metrics, /livez, /readyz, /startupz and /health."""

    def __init__(
        self,
        listen: str,
        port: int,
        metrics: Collector,
        *,
        heartbeat: Callable[[], float],
        ready: Callable[[], tuple[bool, list[str]]],
    ) -> None:
        registry = CollectorRegistry()
        registry.register(metrics)
        self._metrics = make_wsgi_app(registry)
        self._heartbeat = heartbeat
        self._ready = ready
        self._server = make_server(
            listen, port, self._app, server_class=_Server, handler_class=_Quiet
        )
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_port)

    def start(self) -> None:
        """Serve from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def _app(self, environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            return self._metrics(environ, start)  # type: ignore[no-any-return]  # wsgiref's types and prometheus-client's differ in name only
        reasons: list[str]
        if path == "/livez":
            age = self._heartbeat()
            reasons = [f"the loop stood still for {age:.0f} s"] if age > HEARTBEAT_SECONDS else []
        elif path in ("/readyz", "/health"):
            reasons = self._ready()[1]
        elif path == "/startupz":
            reasons = []  # this port opens after configuration and catalogue were read
        else:
            start("404 Not Found", [("Content-Type", "text/plain")])
            return [b"not found\n"]
        kind = "application/health+json" if path == "/health" else "text/plain; charset=utf-8"
        start("503 Service Unavailable" if reasons else "200 OK", [("Content-Type", kind)])
        if path == "/health":
            return [
                json.dumps({"status": "fail" if reasons else "pass", "notes": reasons}).encode()
            ]
        return ["".join(f"{each}\n" for each in reasons).encode() or b"ok\n"]


def healthcheck(url: str) -> int:
    """0 when `url` answers 200, else 1."""
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:  # noqa: S310  # our own http URL
            return 0 if answer.status == 200 else 1
    except (urllib.error.URLError, HTTPException, OSError):
        return 1
