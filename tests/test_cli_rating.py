"""`ocs price`, `ocs explain`, `ocs catalogue simulate`: figures by hand from the example tariffs."""

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ocs.app import open_desk, open_ledger, open_store
from ocs.cli_common import config_of
from ocs.cli_rating import Payer
from ocs.desk import utc_millis
from ocs.rating.catalogue import load
from ocs.rating.versions import Catalogues
from ocs.simulate import Usage
from tests.support.plans import plan
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


async def _call_of_a_minute() -> None:
    """60 s on the subscriber's tariff, as a server that read the example catalogue charges them."""
    settings = config_of(None)
    client, epoch = await open_store(settings)
    try:
        ledger = await open_ledger(client, epoch)
        async with open_desk(settings, actor="test") as desk:
            who = await desk.find(MSISDN)
        usage = Usage(0, MSISDN, utc_millis(), "voice", 60, "77051112233")
        priced = Payer(who).price(Catalogues((load(CATALOGUE),)), usage)
        assert priced is not None
        await ledger.charge(plan(who, "I", 0, replace(priced.charge, used=None, requested=60)))
        await ledger.charge(plan(who, "T", 1, replace(priced.charge, used=60)))
    finally:
        await client.aclose()


def test_a_call_is_explained_by_the_version_that_priced_it(
    ocs: Ocs, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """11/60 for each second, from the folder or the store; of a version that is in neither, no price."""
    del store
    assert ocs("subscriber", "add", MSISDN, "--balance", "30.00").code == 0
    asyncio.run(_call_of_a_minute())
    number = str(ocs("statement", MSISDN, "--json").json[0]["sequence"])
    priced = f"Priced by catalogue version {load(CATALOGUE).version}, price conversations voice "
    price = "from 0 on 11/60 KZT for each 1 begun"

    def told() -> str:
        done = ocs("explain", MSISDN, number)
        assert done.code == 0 and priced in done.out and "11.00 KZT spent" in done.out
        return done.out

    assert price in told()
    folder = Path(shutil.copytree(CATALOGUE, tmp_path / "catalogue"))
    text = (folder / "conversations.toml").read_text()
    (folder / "conversations.toml").write_text(text.replace('"11.00"', '"12.00"'))
    monkeypatch.setenv("OCS_CATALOGUE__FOLDER", str(folder))
    assert price not in told()
    assert ocs("catalogue", "load", str(CATALOGUE)).code == 0
    assert price in told()


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
