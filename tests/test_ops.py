"""The operations port over real HTTP: probes, metrics, and scrapers that do not behave."""

import json
import re
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ocs import ops as module
from ocs.metrics import Metrics
from ocs.ops import OpsServer, healthcheck


@dataclass
class Worker:
    """What the server asks about; `server` serves it."""

    age: float = 0.0
    reasons: list[str] = field(default_factory=list)
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        self.server = self.open("127.0.0.1")

    def open(self, listen: str) -> OpsServer:
        """A server on a free port."""
        return OpsServer(
            listen,
            0,
            self.metrics,
            heartbeat=lambda: self.age,
            ready=lambda: (not self.reasons, self.reasons),
        )

    def get(self, path: str) -> tuple[int, str, str]:
        """Status, content type, body."""
        url = f"http://127.0.0.1:{self.server.port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status, answer.headers["Content-Type"], answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers["Content-Type"], error.read().decode()

    def connect(self) -> socket.socket:
        """A connection that says nothing yet."""
        return socket.create_connection(("127.0.0.1", self.server.port), timeout=5)


@pytest.fixture(scope="module")
def serving() -> Iterator[Worker]:
    """A worker that serves."""
    found = Worker()
    found.server.start()
    yield found
    found.server.stop()


@pytest.fixture
def worker(serving: Worker) -> Worker:
    """A worker that is well, and serves."""
    serving.age, serving.reasons = 0.0, []
    return serving


@pytest.mark.parametrize("path", ["/", "/nothing", "/metrics/../x", "/healthz", "/readyz/"])
def test_not_found(worker: Worker, path: str) -> None:
    """Any other path is 404, and says nothing."""
    assert worker.get(path) == (404, "text/plain", "not found\n")


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/startupz"])
def test_probes(worker: Worker, path: str) -> None:
    """All is well: 200."""
    assert worker.get(path) == (200, "text/plain; charset=utf-8", "ok\n")


def test_loop_stands_still(worker: Worker) -> None:
    """A loop that has not turned for more than 5 s does not live; the other probes do not judge it."""
    worker.age = 5.1
    status, _, body = worker.get("/livez")
    assert (status, body) == (503, "the loop stood still for 5 s\n")
    assert worker.get("/startupz")[0] == 200
    worker.age = 5.0
    assert worker.get("/livez")[0] == 200


def test_not_ready(worker: Worker) -> None:
    """Each reason is a line; liveness does not depend on the store."""
    worker.reasons = ["the store does not answer", "no listener is open"]
    status, _, body = worker.get("/readyz")
    assert (status, body) == (503, "the store does not answer\nno listener is open\n")
    assert worker.get("/livez")[0] == 200
    worker.reasons = []
    assert worker.get("/readyz")[0] == 200


def test_health(worker: Worker) -> None:
    """The same as JSON for tools."""
    status, kind, body = worker.get("/health")
    assert (status, kind) == (200, "application/health+json")
    assert json.loads(body) == {"status": "pass", "notes": []}
    worker.reasons = ["the store does not answer"]
    status, kind, body = worker.get("/health")
    assert (status, kind) == (503, "application/health+json")
    assert json.loads(body) == {"status": "fail", "notes": ["the store does not answer"]}


def test_metrics(worker: Worker) -> None:
    """What was counted is what is scraped, in Prometheus' own format and naming."""
    worker.metrics.ccr("gy", "I", 2001, 0.004, "pgw1.example")
    status, kind, body = worker.get("/metrics")
    assert status == 200 and kind.startswith("text/plain; version=")
    families = {each.name: each for each in text_string_to_metric_families(body)}
    assert len(families) > 20
    for name, family in families.items():
        assert re.fullmatch(r"ocs(_[a-z]+)+", name) and family.documentation
        assert not name.endswith("_total") and "_milli" not in name
        for each in family.samples:
            assert family.type != "counter" or each.name == f"{name}_total"
    labels = {
        "application": "gy", "request_type": "I", "result_code": "2001", "peer": "pgw1.example",
    }  # fmt: skip
    (one,) = [each for each in families["ocs_ccr_requests"].samples if each.labels == labels]
    assert one.value == 1


def test_slow_scrapers_do_not_hinder(worker: Worker) -> None:
    """Connections that say nothing, or half a request, or do not read: the next scrape is answered."""
    slow = [worker.connect() for _ in range(20)]
    for each in slow[:10]:
        each.sendall(b"GET /metrics HTTP/1.1\r\nHost: ")
    for each in slow[10:15]:
        each.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
    assert worker.get("/metrics")[0] == 200
    assert worker.get("/livez")[0] == 200
    for each in slow:
        each.close()


def test_slow_scrapers_are_disconnected(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody keeps a thread by saying a little now and then."""
    monkeypatch.setattr(module, "REQUEST_SECONDS", 0.0)
    with worker.connect() as silent, worker.connect() as dripping:
        dripping.sendall(b"GET /metrics HTTP/1.1\r\nX: ")
        assert silent.recv(1) == b""
        assert dripping.recv(1) == b""
    monkeypatch.undo()
    assert worker.get("/livez")[0] == 200


def test_too_many_at_once(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than there are places for are turned away; places come back."""
    monkeypatch.setattr(module, "REQUESTS_AT_MOST", 2)
    with worker.connect() as first, worker.connect() as second:
        with worker.connect() as third:
            assert third.recv(1) == b""
        for each in (first, second):
            each.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
            assert each.recv(12) == b"HTTP/1.0 200"
            while each.recv(4096):
                pass
    assert worker.get("/livez")[0] == 200


@pytest.mark.parametrize("data", [b"\x01\x00\x00\x14" * 5, b"GET\r\n\r\n", b"\r\n", b"X" * 70_000])
def test_what_is_no_request(worker: Worker, data: bytes) -> None:
    """Other protocols are answered or cut off, and harm nobody."""
    with worker.connect() as strange:
        strange.sendall(data)
        strange.shutdown(socket.SHUT_WR)
        try:
            while strange.recv(4096):
                pass
        except ConnectionResetError:
            pass
    assert worker.get("/readyz")[0] == 200


def test_ipv6(worker: Worker) -> None:
    """The port may be on an IPv6 address."""
    server = worker.open("::1")
    server.start()
    assert healthcheck("::1", server.port) == 0
    server.stop()


def test_healthcheck(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """1 when not ready or when nobody answers, 0 when ready; a proxy of the environment has no say."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    worker.reasons = ["the store does not answer"]
    assert healthcheck("127.0.0.1", worker.server.port) == 1
    worker.reasons = []
    assert healthcheck("127.0.0.1", worker.server.port) == 0
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert healthcheck("127.0.0.1", port) == 1


def test_healthcheck_of_another_protocol() -> None:
    """Something that is no HTTP server is not ready."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        serve_once(other, lambda peer: peer.sendall(b"+PONG\r\n"))
        assert healthcheck("127.0.0.1", other.getsockname()[1]) == 1


def serve_once(listener: socket.socket, answer: Callable[[socket.socket], None]) -> None:
    """Answer one connection on a thread."""

    def run() -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(4096)
            answer(peer)

    threading.Thread(target=run, daemon=True).start()


def test_port_in_use(worker: Worker) -> None:
    """A port that somebody has is an error at once, not a server that nobody reaches."""
    with pytest.raises(OSError, match="in use"):
        OpsServer(
            "127.0.0.1",
            worker.server.port,
            worker.metrics,
            heartbeat=lambda: 0.0,
            ready=lambda: (True, []),
        )
