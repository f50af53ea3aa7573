"""Products, advances, late usage and vouchers by command: what is refused, and what then moves."""

import shutil
from pathlib import Path

import pytest

from ocs.abmf.ledger import LedgerError
from ocs.desk import Desk
from tests.test_cli import CATALOGUE, MSISDN, Ocs, ocs, store

__all__ = ["ocs", "store"]  # the fixtures

PRODUCTS = {
    "pack": """
kind = "addon"
[fee]
amount = "4.00"
every = "30 days"
[[buckets]]
name = "volume"
unit = "octets"
amount = "100 B"
[[buckets.pays]]
services = ["data"]
""",
    "lent": """
kind = "advance"
[advance]
amount = "50.00"
fee = "5.00"
below = "2.00"
""",
    "card": """
kind = "promotion"
at_most = 0
[bonus]
from = "20.00"
channels = ["card"]
[[buckets]]
name = "gift"
unit = "octets"
amount = "7 B"
[[buckets.pays]]
services = ["data"]
""",
}


@pytest.fixture
def shop(ocs: Ocs, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ocs:
    """A catalogue with products, and a subscriber who has 1.00 on a tariff without a fee."""
    folder = Path(shutil.copytree(CATALOGUE, tmp_path / "catalogue"))
    for name, text in PRODUCTS.items():
        (folder / f"{name}.toml").write_text(f'id = "{name}"\nname = "{name.title()}"\n{text}')
    monkeypatch.setenv("OCS_CATALOGUE__FOLDER", str(folder))
    added = ocs("subscriber", "add", MSISDN, "--tariff", "social", "--balance", "1")
    assert added.code == 0
    return ocs


def available(ocs: Ocs) -> str:
    """The subscriber's own money."""
    return str(ocs("balance", MSISDN, "--json").json["available"])


def names(ocs: Ocs) -> list[str]:
    """The subscriber's products besides the tariff, with what is left of each."""
    found = ocs("products", MSISDN, "--json").json
    return [
        " ".join([each["product"], *(str(bucket["left"]) for bucket in each["buckets"])])
        for each in found
        if each["product"] != "social"
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ("buy", MSISDN),
        ("products",),
        ("late-usage", MSISDN, "r", "1.005"),
        ("vouchers",),
        ("vouchers", "make", "0", "1", "b"),
        ("vouchers", "make", "1", "x", "b"),
        ("vouchers", "make", "1", "1", "b", "--days", "-1"),
    ],
    ids=" ".join,
)
def test_usage(ocs: Ocs, arguments: tuple[str, ...]) -> None:
    """What cannot be understood is exit code 2, before anything is touched."""
    assert ocs(*arguments).code == 2


REFUSALS = (
    (("products", "77010000099"), "no subscriber"),
    (("buy", MSISDN, "pack"), "costs more"),
    (("buy", MSISDN, "none"), "there is no product"),
    (("buy", MSISDN, "pack", "--key", ""), "empty key"),
    (("drop", MSISDN, "pack"), "does not have"),
    (("renew", MSISDN, "pack"), "does not have"),
    (("advance", MSISDN, "pack"), "no advance"),
    (("late-usage", MSISDN, "r", "0"), "more than 0"),
    (("redeem", MSISDN, "0000000000000000"), "no voucher"),
    (("vouchers", "make", "1", "0", "b"), "worth money"),
    (("vouchers", "make", "1", "1", "b", "--bonus", "none"), "there is no product"),
)


def test_refused(shop: Ocs) -> None:
    """Exit code 1, one sentence, and no money has moved."""
    for arguments, sentence in REFUSALS:
        done = shop(*arguments)
        assert (done.code, done.out) == (1, ""), arguments
        assert done.err.startswith("refused ") and sentence in done.err
    assert available(shop) == "1.00" and names(shop) == []


def test_a_product_is_bought_renewed_and_dropped(shop: Ocs) -> None:
    """10.00 + 1.00 less 4.00, once for its key, and 4.00 again; what is dropped is gone."""
    shop("topup", MSISDN, "10")
    bought = shop("buy", MSISDN, "pack", "--key", "k", "--json")
    assert (bought.code, bought.json["status"], bought.json["available"]) == (0, "posted", "7.00")
    shop("buy", MSISDN, "pack", "--key", "k")
    assert available(shop) == "7.00"
    assert names(shop) == ["pack 100"]
    assert "pack" in shop("products", MSISDN).out
    assert shop("renew", MSISDN, "pack", "--json").json["available"] == "3.00"
    assert shop("renew", MSISDN, "pack").code == 1  # 3.00 do not cover it
    assert shop("drop", MSISDN, "pack").code == 0
    assert names(shop) == [] and available(shop) == "3.00"


def test_an_advance_is_lent_and_taken_back(shop: Ocs) -> None:
    """45.00 of 50.00 are given at 1.00; the top-up pays the 50.00 first, and is lent no second."""
    assert shop("advance", MSISDN, "lent", "--json").json["available"] == "46.00"
    assert shop("advance", MSISDN, "lent").code == 1
    assert shop("topup", MSISDN, "60", "--json").json["available"] == "56.00"


def test_late_usage_is_charged_once_for_its_record(shop: Ocs) -> None:
    """0.25 of 1.00, also where the partner sends the record again."""
    for _ in range(2):
        done = shop("late-usage", MSISDN, "tap-7", "0.25", "--json")
        assert (done.code, done.json["available"]) == (0, "0.75")


def test_a_channel_has_its_bonus(shop: Ocs) -> None:
    """The same amount paid elsewhere has none."""
    shop("topup", MSISDN, "20", "--channel", "kiosk")
    assert names(shop) == []
    shop("topup", MSISDN, "20", "--channel", "card")
    assert names(shop) == ["card 7"]


def test_vouchers(shop: Ocs) -> None:
    """Each code once, by one subscriber; a batch has one name; the bonus comes with it."""
    made = shop("vouchers", "make", "2", "30", "b-1", "--bonus", "card", "--json")
    first, second = made.json
    assert shop("vouchers", "make", "1", "30", "b-1").code == 1
    assert shop("redeem", MSISDN, first, "--json").json["available"] == "31.00"
    assert names(shop) == ["card 7"]
    shop("subscriber", "add", "77010000002", "--tariff", "social")
    assert shop("redeem", "77010000002", first).code == 1
    assert shop("redeem", "77010000002", second, "--json").json["available"] == "30.00"
    (plain,) = shop("vouchers", "make", "1", "0.50", "b-2").out.split()
    assert shop("redeem", MSISDN, plain).code == 0
    assert shop("redeem", MSISDN, plain).code == 1
    assert available(shop) == "31.50"


INTERRUPTED = (
    ("buy", ("buy", MSISDN, "pack", "--key", "k-1"), "--key k-1"),
    ("drop", ("drop", MSISDN, "pack", "--key", "k-1"), "--key k-1"),
    ("renew", ("renew", MSISDN, "pack", "--key", "k-1"), "--key k-1"),
    ("advance", ("advance", MSISDN, "lent", "--key", "k-1"), "--key k-1"),
    ("late_usage", ("late-usage", MSISDN, "r", "1"), "the same record"),
    ("redeem", ("redeem", MSISDN, "1"), "the same code"),
)


def test_without_an_answer(shop: Ocs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 3, and how to repeat it so that it is applied once."""

    async def lost(*arguments: object, **options: object) -> None:
        raise LedgerError("post")

    for method, arguments, repeat in INTERRUPTED:
        monkeypatch.setattr(Desk, method, lost)
        done = shop(*arguments)
        assert done.code == 3 and f"repeat it with {repeat}," in done.err
