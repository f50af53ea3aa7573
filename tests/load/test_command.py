"""What `ocs bench` can be asked for, and the sentences for what it cannot."""

from dataclasses import replace
from pathlib import Path

import pytest

from ocs.app import open_desk
from ocs.config import Config
from ocs.load.command import BadLoad, bench, chosen, is_here, save, shape_of
from ocs.load.drive import Closed, Open, Ramp
from ocs.load.place import Place
from ocs.load.run import Progress
from ocs.load.show import facts, latencies, said
from ocs.load.workload import Workload, read_workload

SMALL = replace(read_workload("sms"), subscribers=20, sessions=5)


def test_shapes() -> None:
    """A closed loop of 64, unless another is asked for."""
    assert shape_of(None, None, None, 5) == Closed(64)
    assert shape_of(None, 3, None, 5) == Closed(3)
    assert shape_of(100, None, None, 5) == Open(100)
    assert shape_of(None, None, "10:50", 5) == Ramp(10, 50, 5)


@pytest.mark.parametrize(
    ("rate", "window", "ramp", "sentence"),
    [
        (1.0, 1, None, "give one of --rate, --window and --ramp"),
        (0.0, None, None, "--rate is more than 0"),
        (None, 0, None, "--window is 1 or more"),
        (None, None, "5", "--ramp is two rates, from and to: 100:5000, not '5'"),
        (None, None, "5:-1", "--ramp is two rates, from and to: 100:5000, not '5:-1'"),
    ],
)
def test_what_is_no_shape_is_told(
    rate: float | None, window: int | None, ramp: str | None, sentence: str
) -> None:
    """In a sentence."""
    with pytest.raises(BadLoad) as bad:
        shape_of(rate, window, ramp, 5)
    assert str(bad.value) == sentence


def test_a_workload_of_another_size() -> None:
    """And one that does not exist."""
    assert chosen("canonical", subscribers=7).subscribers == 7
    assert chosen("canonical") == read_workload("canonical")
    with pytest.raises(BadLoad, match="there is no workload"):
        chosen("canonic")


def test_a_store_on_this_machine_is_known() -> None:
    """Its processor time can be counted."""
    assert is_here("") and is_here("unix:///run/store.sock") and is_here("redis://127.0.0.1:6379/0")
    assert is_here("redis://localhost") and not is_here("redis://192.0.2.1:6379/0")


@pytest.mark.process
async def test_a_running_server_is_measured_and_left_as_it_was(
    place: Place, tmp_path: Path
) -> None:
    """Its processes are found by their ports; afterwards nobody of the run is there."""
    result = await bench(place.config, SMALL, Open(500), seconds=0.1, seed=1, connections=2)
    assert result.audit.is_good and result.answered == 50
    assert result.server.rss_bytes > 1 << 20 and result.store.rss_bytes > 1 << 20
    async with open_desk(place.config, actor="test") as desk:
        assert not [each for each in await desk.everybody() if each.attributes]
    save(result, tmp_path / "found.json", tmp_path / "pictures")
    assert (tmp_path / "found.json").read_text().startswith("{")
    assert "<svg" in (tmp_path / "pictures" / "sms-latency.svg").read_text()
    assert [str(each) for each in latencies(result).columns[0].cells] == ["all", "CCR-E"]
    shown = "\n".join(facts(result))
    assert "CCR-E      50 x 2001" in shown and "of 500 offered" in shown


@pytest.mark.process
async def test_where_no_server_listens_it_is_told(place: Place) -> None:
    """The subscribers that were made are removed all the same."""
    diameter = place.config.diameter.model_copy(update={"port": 1})
    config = place.config.model_copy(update={"diameter": diameter})
    assert "no server answers on 127.0.0.1 port 1: " in await refused(config, SMALL)
    async with open_desk(place.config, actor="test") as desk:
        assert not [each for each in await desk.everybody() if each.attributes]


@pytest.mark.process
async def test_a_tariff_that_is_not_there_is_told(place: Place) -> None:
    """In the words of the subscribers' module."""
    sentence = await refused(place.config, replace(SMALL, tariff="none"))
    assert "wants the tariff 'none'" in sentence


async def refused(config: Config, workload: Workload) -> str:
    """The sentence that it ends in."""
    with pytest.raises(BadLoad) as caught:
        await bench(config, workload, Open(500), seconds=0.1, seed=1, connections=2)
    return str(caught.value)


def test_progress_says_what_matters() -> None:
    """Nothing before there is a rate."""
    assert said(Progress("subscribers", 0.5)) == ""
    assert said(Progress("measuring", 0.5, 1234, 0.5, 2.25, 3, 0, 7.4)) == (
        " 1,234/s  p50 0.50  p99 2.25 ms  3 refused  7 s left"
    )
