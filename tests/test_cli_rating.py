"""`ocs price`, `ocs explain`, `ocs catalogue simulate`: figures by hand from the example tariffs."""

import shutil
from pathlib import Path

import pytest

from tests.test_cli import CATALOGUE, MSISDN, Ocs, ocs, store

__all__ = ["ocs", "store"]  # the fixtures

VOICE = ("price", "voice", "90", "--called", "77051112233")


@pytest.mark.parametrize(
    "arguments",
    [
        VOICE,
        (*VOICE, "--tariff", "conversations", "--subscriber", MSISDN),
        (*VOICE, "--tariff", "none"),
        ("price", "voice", "-1", "--tariff", "conversations"),
    ],
)
def test_who_pays_is_named_once(ocs: Ocs, arguments: tuple[str, ...]) -> None:
    """By a number or by a tariff that is there."""
    assert ocs(*arguments).code == 2


def test_a_service_without_a_price(ocs: Ocs) -> None:
    """One sentence, and nothing that looks like an amount."""
    done = ocs("price", "none", "1", "--tariff", "conversations")
    assert (done.code, done.out) == (1, "")
    assert "there is no price for none" in done.err


def test_a_price_is_explained(ocs: Ocs) -> None:
    """11.00 a minute by the second: 90 s are 16.50; why the prices before it do not hold."""
    done = ocs(*VOICE, "--tariff", "conversations")
    assert done.code == 0
    assert done.out.startswith("16.50 KZT at ")
    assert "voice emergency does not hold: destinations." in done.out
    assert "is the first whose conditions hold." in done.out
    assert "90 x 11/60 KZT for each 1 begun = 16.50 KZT. Taken: 16.50 KZT from main." in done.out
    assert ocs(*VOICE, "--tariff", "conversations", "--json").json["cost"] == "16.50"


def test_a_subscriber_is_priced_by_what_it_has_and_nothing_moves(ocs: Ocs, store: str) -> None:
    """10.00 pay 54 s of 0.18333: 9.90, a second more 10.083; the rest is told."""
    del store
    assert ocs("subscriber", "add", MSISDN, "--balance", "10.00").code == 0
    before = ocs("balance", MSISDN, "--json").json
    done = ocs(*VOICE, "--subscriber", MSISDN, "--json")
    assert done.code == 1
    assert done.json["cost"] == "9.90"
    assert done.json["unpaid"] == 36
    assert ocs("balance", MSISDN, "--json").json == before


def test_a_record_is_explained(ocs: Ocs, store: str) -> None:
    """By its number; one that is not there is refused."""
    del store
    assert ocs("subscriber", "add", MSISDN, "--balance", "10.00").code == 0
    (entry,) = ocs("statement", MSISDN, "--json").json
    done = ocs("explain", MSISDN, str(entry["sequence"]))
    assert done.code == 0
    assert "Of main money: 10.00 KZT credited." in done.out
    assert ocs("explain", MSISDN, entry["id"]).out == done.out
    assert ocs("explain", MSISDN, "999").code == 1


def test_usage_is_simulated_under_two_catalogues(ocs: Ocs, tmp_path: Path) -> None:
    """Two calls of 60 s at 11.00, then 12.00 a minute: 2.00 dearer in all."""
    folder = Path(shutil.copytree(CATALOGUE, tmp_path / "catalogue"))
    text = (folder / "conversations.toml").read_text()
    (folder / "conversations.toml").write_text(text.replace('"11.00"', '"12.00"'))
    usage = tmp_path / "usage.csv"
    usage.write_text(
        "subscriber,time,service,units,called\n"
        "A,2019-03-04T12:00:00+06:00,voice,60,77051112233\n"
        "B,2019-03-04T12:00:00+06:00,voice,60,77051112233\n"
    )
    command = ("catalogue", "simulate", str(usage), str(CATALOGUE), str(folder))
    assert ocs(*command).code == 2  # no tariff
    done = ocs(*command, "--tariff", "conversations", "--json")
    assert done.code == 0
    assert done.json["subscribers"]["A"]["old"] == 11_000_000
    assert done.json["total"]["new"] == 24_000_000
    shown = ocs(*command, "--tariff", "conversations").out
    assert "22.00" in shown
    assert "24.00" in shown
    general = folder / "catalogue.toml"
    general.write_text(general.read_text().replace('"KZT"', '"USD"'))
    mixed = ocs(*command, "--tariff", "conversations")
    assert mixed.code == 1
    assert "KZT and USD cannot be compared" in mixed.err
    usage.write_text("subscriber\n")
    assert ocs(*command, "--tariff", "conversations").code == 1
