"""The operations port: metrics and probes, on threads of its own.

A slow or hostile scraper must not touch the loop that answers CCRs, nor keep others out: who is not
answered within REQUEST_SECONDS is disconnected, and so are more than REQUESTS_AT_MOST at a time.
Nothing here names a subscriber.
"""

import contextlib
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from http.client import HTTPException
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.registry import Collector

#: A loop that has not turned for this long does not live.
HEARTBEAT_SECONDS = 5.0
#: From accept to the end of the answer: a scrape takes milliseconds.
REQUEST_SECONDS = 10.0
#: One thread each: a few scrapers and probes, each with room to be slow.
REQUESTS_AT_MOST = 64

StartResponse = Callable[[str, list[tuple[str, str]]], object]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 32

    def __init__(self, address: tuple[str, int], handler: type[WSGIRequestHandler]) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self._since: dict[Any, float] = {}
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Without the base's look-up of our own name, which may wait for a name server."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.socket.getsockname()[:2]
        self.setup_environ()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether there is a place."""
        return len(self._since) < REQUESTS_AT_MOST

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember when it began."""
        self._since[request] = time.monotonic()
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Its place is free again."""
        self._since.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Called twice a second: end what takes too long, wherever its thread waits."""
        until = time.monotonic() - REQUEST_SECONDS
        for request in [each for each, since in list(self._since.items()) if since < until]:
            with contextlib.suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A scraper that went away is no news."""


class _Quiet(WSGIRequestHandler):
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


def healthcheck(listen: str, port: int) -> int:
    """0 when the server that listens there is ready, else 1."""
    host = f"[{listen}]" if ":" in listen else listen
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # not by a proxy
    try:
        with opener.open(f"http://{host}:{port}/readyz", timeout=3) as answer:
            return 0 if answer.status == 200 else 1
    except (urllib.error.URLError, HTTPException, OSError):
        return 1
