"""The schema for editors is in step with the readers, and with what is documented."""

import re
from pathlib import Path

from ocs.rating import read_product as reader, schema
from ocs.rating.catalogue import load
from ocs.rating.read import CONDITION_KEYS, PRICE_KEYS
from ocs.rating.read_csv import HEADERS
from ocs.rating.read_general import GENERAL, GENERAL_KEYS, NUMBERING_KEYS
from ocs.rating.read_price import STRETCH_KEYS, TAX_KEYS, THEN_KEYS

DOCS = Path(__file__).parents[2] / "docs"
DOCUMENT = (DOCS / "catalogue.md").read_text()


def keys(name: str, *more: str) -> set[str]:
    """The keys of a table of the schema."""
    here: object = schema.schema()
    for each in (name, *more):
        if isinstance(here, dict) and each in here.get("properties", {}):
            here = here["properties"][each]
        if isinstance(here, dict) and "items" in here:
            here = here["items"]
    assert isinstance(here, dict)
    return set(here["properties"])


def test_file_in_step() -> None:
    """docs/catalogue.schema.json is what ocs.rating.schema.text() gives."""
    assert (DOCS / "catalogue.schema.json").read_text() == schema.text()


def test_keys_in_step() -> None:
    """Each table has the keys that its reader knows."""
    assert set(schema.schema()["properties"]) == set(reader.PRODUCT_KEYS)  # type: ignore[call-overload]  # it is a table
    assert keys("fee") == set(reader.FEE_KEYS)
    assert keys("buckets") == set(reader.BUCKET_KEYS)
    assert keys("bonus") == set(reader.BONUS_KEYS)
    assert keys("advance") == set(reader.ADVANCE_KEYS)
    assert keys("prices") == {*PRICE_KEYS, *CONDITION_KEYS}
    assert keys("prices", "stretches") == set(STRETCH_KEYS)
    assert keys("prices", "tax") == set(TAX_KEYS)
    assert keys("prices", "then") == set(THEN_KEYS)
    assert keys("buckets", "pays") == {*reader.PAYMENT_KEYS, *CONDITION_KEYS, *reader.PRICED}


def test_every_value_is_described() -> None:
    """A key of a product that the schema says nothing of is a key that was forgotten there."""
    for table, values in (
        (reader.FEE_KEYS, schema.FEE),
        (reader.BUCKET_KEYS, schema.BUCKET | {"pays": ()}),
        (reader.BONUS_KEYS, schema.BONUS),
        (reader.ADVANCE_KEYS, schema.ADVANCE),
        (reader.PAYMENT_KEYS, schema.PAYMENT | schema.PRICE),
        (STRETCH_KEYS, schema.PRICE | schema.STRETCH),
        (TAX_KEYS, schema.TAX),
        (PRICE_KEYS, schema.PRICE | dict.fromkeys(("stretches", "tax", "then"))),
    ):
        assert set(table) - set(values) == set()
    tables = {"prices", "fee", "buckets", "bonus", "advance"}
    assert set(reader.PRODUCT_KEYS) - set(schema.PRODUCT) == tables


def cells(text: str) -> set[str]:
    """What stands as code in the first column of a table of the document."""
    rows = (line.split(" | ")[0] for line in text.splitlines() if line.startswith("| "))
    return {found for row in rows for found in re.findall(r"`([^`]+)`", row)}


def test_documented() -> None:
    """Each key that a reader knows has a row in a table of docs/catalogue.md."""
    rows = {re.sub(r"[\[\]]|buckets\.", "", each) for each in cells(DOCUMENT)}
    tables = (
        reader.PRODUCT_KEYS, reader.FEE_KEYS, reader.BUCKET_KEYS, reader.PAYMENT_KEYS,
        reader.BONUS_KEYS, reader.ADVANCE_KEYS, reader.COUNTER_KEYS, PRICE_KEYS, CONDITION_KEYS,
        STRETCH_KEYS, TAX_KEYS, THEN_KEYS, GENERAL_KEYS, NUMBERING_KEYS,
    )  # fmt: skip
    assert {each for table in tables for each in table} - rows == set()


def test_files_are_documented() -> None:
    """Each CSV file stands there with the header that its reader asks for."""
    for name, header in HEADERS.items():
        assert f"| `{name}` | `{','.join(header)}` |" in DOCUMENT


def test_the_tariffs_of_the_document_load(tmp_path: Path) -> None:
    """All ten, as they are written there, beside one another and the general file that stands there."""
    blocks = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)
    general, tariffs = blocks[0], blocks[1:]
    assert general.startswith(f"# {GENERAL}\n")
    (tmp_path / GENERAL).write_text(general)
    rows = ("7701,on-net,a", "7705,off-net,b", "7727,landline,c")
    (tmp_path / "destinations.csv").write_text("\n".join(("prefix,class,name", *rows, "")))
    for number, each in enumerate(tariffs, 1):
        (tmp_path / f"{number}.toml").write_text(each)
    assert len(load(tmp_path).products) == 10
