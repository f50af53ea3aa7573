"""The workloads that come with the server, and the sentences for those that cannot be."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ocs.load.templates import Sender
from ocs.load.traffic import Books, Traffic
from ocs.load.workload import FOLDER, BadWorkload, Service, names, read_workload

DRAWS = 10_000
WHOLE: dict[str, Any] = {
    "subscribers": 10,
    "sessions": 5,
    "tariff": "t",
    "balance": "10.00",
    "services": [{"kind": "sms", "percent": 100, "price": "12.00", "per": 1}],
}


def traffic_of(name: str, sessions: int = 1) -> Traffic:
    """Whoever plays a packaged workload."""
    workload = replace(read_workload(name), sessions=sessions)
    sender = Sender("load-0.load.example", "load.example", "ocs.example", "0badf00d")
    return Traffic(workload, [sender], 999_000_000_000, Books([0] * workload.subscribers), seed=3)


def test_the_agreed_workloads_are_there() -> None:
    """Nine of them."""
    assert set(names()) == {
        "canonical", "data-update", "exhaustion", "hot-account", "one-account", "roaming", "sms",
        "ten-mscc", "voice",
    }  # fmt: skip


@pytest.mark.parametrize("name", names())
def test_a_workload_says_what_it_stands_for(name: str) -> None:
    """Each can be read, and opens with a comment."""
    assert read_workload(name).name == name
    assert (FOLDER / f"{name}.toml").read_text().startswith("# ")


def test_canonical_is_what_it_says() -> None:
    """80 % data, 15 % voice, 5 % messages of what is started; 1.2 services in a request; Zipf."""
    traffic = traffic_of("canonical")
    found = [traffic.start() for _ in range(DRAWS)]
    kinds = Counter(each.service.kind for each in found)
    assert kinds["data"] == pytest.approx(0.80 * DRAWS, rel=0.02)
    assert kinds["voice"] == pytest.approx(0.15 * DRAWS, rel=0.10)
    assert kinds["sms"] == pytest.approx(0.05 * DRAWS, rel=0.15)
    requests = services = 0
    for each in found:
        count = 1 if each.service.kind == "sms" else each.service.updates + 2
        requests += count
        services += count * len(each.granted)
    assert services / requests == pytest.approx(1.2, abs=0.02)
    assert {each.service.updates for each in found if each.service.kind == "data"} == {8}
    ranks = Counter(each.person for each in found)
    # With exponent 1 the first is served ten times as often as the tenth.
    assert ranks[0] == pytest.approx(10 * ranks[9], rel=0.35)
    assert ranks[0] / DRAWS == pytest.approx(1 / 12.09, rel=0.15)


def test_two_in_a_hundred_are_nearly_empty() -> None:
    """Spread evenly over the ranks."""
    workload = read_workload("canonical")
    poor = [each for each in range(1_000) if workload.opening(each) != workload.balance]
    assert len(poor) == 20 and poor[:2] == [49, 99]
    assert workload.opening(49) == 2_000_000


def test_one_account_and_hot_accounts() -> None:
    """64 sessions of one subscriber; 1,000 on ten accounts."""
    one, hot = read_workload("one-account"), read_workload("hot-account")
    assert (one.subscribers, one.sessions) == (1, 64)
    assert (hot.subscribers, hot.sessions) == (10, 1_000)


@pytest.mark.parametrize(
    ("units", "cost"),
    [(0, 0), (1, 20_000), (1_024, 20_000), (1_025, 40_000), (256 * 1_024, 5_000_000)],
)
def test_the_price_of_data(units: int, cost: int) -> None:
    """20.00 a megabyte, begun kilobytes: 1.953 tiyn for the first, which is 2."""
    assert read_workload("data-update").services[0].cost(units) == cost


def test_a_price_is_rounded_half_up_once() -> None:
    """61 s at 11.00 a minute are 11.1833; an exact half goes up."""
    assert read_workload("voice").services[0].cost(61) == 11_180_000
    half = Service("voice", 100, used=(1, 1), price=15_000, per=1, quantum=10_000)
    assert [half.cost(each) for each in (1, 2, 3)] == [20_000, 30_000, 50_000]


def write(folder: Path, values: dict[str, Any]) -> Path:
    """Values as TOML."""

    def shown(value: Any) -> str:
        return f'"{value}"' if isinstance(value, str) else str(value).lower()

    lines = [f"{key} = {shown(value)}" for key, value in values.items() if key != "services"]
    for service in values.get("services", ()):
        lines.append("[[services]]")
        lines += [f"{key} = {shown(value)}" for key, value in service.items()]
    path = folder / "own.toml"
    path.write_text("\n".join(lines))
    return path


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    """Is read like a packaged one."""
    workload = read_workload(write(tmp_path, WHOLE))
    assert workload.name == "own" and workload.services[0].cost(1) == 12_000_000


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"subscribers": 0}, "own.toml: subscribers: a whole number from 1 to 10000000"),
        ({"balance": 10}, 'own.toml: balance: an amount that is not negative, in quotes: "12.50"'),
        (
            {"balance": "-1"},
            'own.toml: balance: an amount that is not negative, in quotes: "12.50"',
        ),
        ({"zipf": "much"}, "own.toml: zipf: a number from 0 to 5"),
        ({"tarif": "t"}, "own.toml: tarif: no such key"),
        ({"services": []}, "own.toml: services: at least one [[services]]"),
        (
            {"services": [{**WHOLE["services"][0], "percent": 99}]},
            "own.toml: services.percent: 100 in all",
        ),
        (
            {"services": [{**WHOLE["services"][0], "kind": "fax"}]},
            "own.toml: services.0.kind: one of data, voice, sms",
        ),
        (
            {"services": [{**WHOLE["services"][0], "updates": 3}]},
            "own.toml: services.0.updates: no such key",
        ),
        (
            {"services": [{"kind": "voice", "percent": 100, "updates": 1, "used": [5, 1]}]},
            "own.toml: services.0.used: two whole numbers, from and to: [1000, 50000]",
        ),
        (
            {"services": [{"kind": "data", "percent": 100, "updates": 1, "mscc": [50, 40]}]},
            "own.toml: services.0.mscc: percentages that are 100 in all",
        ),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
    """File, key, and what is allowed."""
    with pytest.raises(BadWorkload) as bad:
        read_workload(write(tmp_path, {**WHOLE, **changes}))
    assert str(bad.value) == sentence


def test_what_is_left_out_is_named(tmp_path: Path) -> None:
    """There is no default for who is served."""
    values = {key: value for key, value in WHOLE.items() if key != "subscribers"}
    with pytest.raises(BadWorkload, match=r"own\.toml: subscribers: a value; there is no default"):
        read_workload(write(tmp_path, values))


def test_an_unknown_name_lists_the_others(tmp_path: Path) -> None:
    """And a file that is not there, or no TOML, is told apart."""
    with pytest.raises(BadWorkload, match="there is no workload 'canonic': canonical, data-update"):
        read_workload("canonic")
    with pytest.raises(BadWorkload, match=r"missing\.toml cannot be read: No such file"):
        read_workload(tmp_path / "missing.toml")
    (tmp_path / "no.toml").write_text("= 1")
    with pytest.raises(BadWorkload, match=r"no\.toml is no TOML"):
        read_workload(tmp_path / "no.toml")
