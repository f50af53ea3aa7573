"""The catalogue as a folder of files: every mistake in one run, the version, and finding a price."""

import datetime
import json
import random
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from ocs.model import (
    AccountId,
    Partition,
    Price,
    RatingAttributes,
    SessionContext,
    Subscriber,
    SubscriberState,
    UtcMillis,
)
from ocs.rating.catalogue import (
    Catalogue,
    CatalogueErrors,
    Currency,
    Prefixes,
    find_prices,
    load,
)
from ocs.rating.numbers import Numbering
from ocs.rating.price import cost
from ocs.rating.read_general import CURRENCIES
from ocs.rating.read_value import Problem

GENERAL = """
currency = "EUR"
[numbering]
country = "49"
trunk = "0"
national_digits = 11
international = ["00"]
[short_numbers]
free = ["112", "110"]
"""
DESTINATIONS = "prefix,class,name\n49,national,Germany\n4915,mobile,Germany mobile\n1,abroad,\n"
TARIFF = """
id = "basic"
[[prices]]
service = "voice"
destinations = ["mobile"]
fee = "paid"
price = "0"
per = "1 min"
[[prices]]
service = "voice"
destinations = ["mobile", "national"]
price = "0.09"
per = "1 min"
[[prices]]
service = "voice"
destinations = ["free"]
price = "0"
per = "1 min"
[[prices]]
service = "data"
rating_groups = [10]
price = "0.01"
per = "1 MB"
[[prices]]
service = "data"
price = "0.24"
per = "1 MB"
"""
ROAMING = (
    TARIFF
    + """
[[prices]]
service = "data"
networks = "visited"
price = "5.00"
per = "1 MB"
"""
)
#: The same with another id.
OTHER = TARIFF.replace('"basic"', '"other"')


def write(folder: Path, files: dict[str, str | bytes | None]) -> Path:
    """A folder with a catalogue that has no mistakes but these files; None: without the file."""
    whole: dict[str, str | bytes | None] = {
        "catalogue.toml": GENERAL, "destinations.csv": DESTINATIONS, "basic.toml": TARIFF, **files,
    }  # fmt: skip
    for name, text in whole.items():
        if text is None:
            (folder / name).unlink(missing_ok=True)
        else:
            (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def errors(folder: Path) -> list[Problem]:
    """What is wrong with a catalogue."""
    with pytest.raises(CatalogueErrors) as raised:
        load(folder)
    return raised.value.errors


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "file", "key", "expected"),
    [
        # Files that are not there, or cannot be read.
        ({"catalogue.toml": None}, "catalogue.toml", "-", "the file to be there"),
        ({"destinations.csv": None}, "destinations.csv", "-", "the file to be there"),
        ({"catalogue.toml": "currency = EUR"}, "catalogue.toml", "-", "TOML:"),
        ({"basic.toml": 'id = "basic"\nprices = ['}, "basic.toml", "-", "TOML:"),
        ({"basic.toml": "[" * 10_000}, "basic.toml", "-", "TOML:"),
        ({"basic.toml": "x = " + "[" * 10_000}, "basic.toml", "-", "nested less deeply"),
        ({"basic.toml": "x = " + "9" * 5000}, "basic.toml", "-", "TOML:"),
        ({"basic.toml": TARIFF.encode("utf-16")}, "basic.toml", "-", "text in UTF-8"),
        ({"catalogue.toml": b"# \xe9"}, "catalogue.toml", "-", "text in UTF-8; byte 2 is not"),
        ({"destinations.csv": "prefix,class,name\n49,national,K\xf6ln\n".encode("latin-1")},
         "destinations.csv", "-", "text in UTF-8; byte 31 is not"),
        # catalogue.toml
        ({"catalogue.toml": GENERAL.replace("currency", "curency")}, "catalogue.toml", "curency",
         "no such key; known are currency, home_networks, free, numbering, short_numbers"),
        ({"catalogue.toml": "home_networks = '26201'\n" + GENERAL}, "catalogue.toml",
         "home_networks", 'a list of MCC-MNC, five or six digits in quotes: ["40102"]'),
        ({"catalogue.toml": "home_networks = [26201]\n" + GENERAL}, "catalogue.toml",
         "home_networks", "five or six digits in quotes"),
        ({"catalogue.toml": "home_networks = ['26201', '2620']\n" + GENERAL}, "catalogue.toml",
         "home_networks", "five or six digits in quotes"),
        ({"catalogue.toml": "home_networks = ['2620101']\n" + GENERAL}, "catalogue.toml",
         "home_networks", "five or six digits in quotes"),
        ({"catalogue.toml": "home_networks = ['262-01']\n" + GENERAL}, "catalogue.toml",
         "home_networks", "five or six digits in quotes"),
        # Whether a tariff may speak of networks is not known then: one mistake, one error.
        ({"catalogue.toml": "home_networks = 1\n" + GENERAL, "basic.toml": ROAMING},
         "catalogue.toml", "home_networks", "a list of MCC-MNC"),
        ({"basic.toml": ROAMING}, "basic.toml", "prices[6].networks",
         "home_networks in catalogue.toml"),
        ({"catalogue.toml": "free = 'free'\n" + GENERAL}, "catalogue.toml", "free",
         'a list of names in quotes: ["emergency"]'),
        ({"catalogue.toml": "free = [112]\n" + GENERAL}, "catalogue.toml", "free",
         "a list of names in quotes"),
        ({"catalogue.toml": "free = ['']\n" + GENERAL}, "catalogue.toml", "free",
         "a list of names in quotes"),
        ({"catalogue.toml": "free = ['free', 'gratis']\n" + GENERAL}, "catalogue.toml", "free",
         "a class of numbers (abroad, free, mobile, national), not 'gratis'"),
        # Nor can a class be judged by a table that could not be read.
        ({"catalogue.toml": "free = ['gratis']\n" + GENERAL, "destinations.csv": None},
         "destinations.csv", "-", "the file to be there"),
        ({"catalogue.toml": GENERAL.replace("EUR", "ZZZ")}, "catalogue.toml", "currency",
         "a currency known here: AED, BDT, "),
        ({"catalogue.toml": GENERAL.replace('"EUR"', "[978]")}, "catalogue.toml", "currency",
         "a currency known here"),
        ({"catalogue.toml": "numbering = 49\nshort_numbers.free = ['112']"}, "catalogue.toml",
         "numbering", "a table: [numbering]"),
        ({"catalogue.toml": GENERAL.replace("trunk", "trunc")}, "catalogue.toml",
         "numbering.trunc", "no such key; known are country, trunk, national_digits, international"),
        ({"catalogue.toml": GENERAL.replace('"49"', "49")}, "catalogue.toml", "numbering.country",
         'digits in quotes: "7"'),
        ({"catalogue.toml": GENERAL.replace('"49"', '"+49"')}, "catalogue.toml",
         "numbering.country", "digits in quotes"),
        ({"catalogue.toml": GENERAL.replace('"49"', '""')}, "catalogue.toml",
         "numbering.country", "digits in quotes"),
        ({"catalogue.toml": GENERAL.replace('trunk = "0"', "trunk = 0")}, "catalogue.toml",
         "numbering.trunk", '"" where none is dialled'),
        ({"catalogue.toml": GENERAL.replace("= 11", '= "11"')}, "catalogue.toml",
         "numbering.national_digits", "a whole number from 7 to 14"),
        ({"catalogue.toml": GENERAL.replace("= 11", "= true")}, "catalogue.toml",
         "numbering.national_digits", "a whole number from 7 to 14"),
        ({"catalogue.toml": GENERAL.replace("= 11", "= 11.0")}, "catalogue.toml",
         "numbering.national_digits", "a whole number from 7 to 14"),
        ({"catalogue.toml": GENERAL.replace("= 11", "= 6")}, "catalogue.toml",
         "numbering.national_digits", "a whole number from 7 to 14"),
        ({"catalogue.toml": GENERAL.replace('["00"]', '"00"')}, "catalogue.toml",
         "numbering.international", 'a list of digits in quotes: ["00"]'),
        ({"catalogue.toml": GENERAL.replace('["00"]', '["00", ""]')}, "catalogue.toml",
         "numbering.international", "a list of digits in quotes"),
        ({"catalogue.toml": "short_numbers = ['112']"}, "catalogue.toml", "short_numbers",
         "a table: [short_numbers]"),
        ({"catalogue.toml": GENERAL.replace('["112", "110"]', '"112"')}, "catalogue.toml",
         "short_numbers.free", 'a list of numbers of up to 6 digits, in quotes: ["112"]'),
        ({"catalogue.toml": GENERAL.replace('"110"', "110")}, "catalogue.toml",
         "short_numbers.free", "a list of numbers of up to 6 digits"),
        ({"catalogue.toml": GENERAL.replace('"110"', '"1101101"')}, "catalogue.toml",
         "short_numbers.free", "a list of numbers of up to 6 digits"),
        ({"catalogue.toml": GENERAL + 'service = ["112"]'}, "catalogue.toml",
         "short_numbers.service", "number 112 once"),
        # destinations.csv
        ({"destinations.csv": ""}, "destinations.csv", "line 1", "the header prefix,class,name"),
        ({"destinations.csv": DESTINATIONS.replace(",", ";")}, "destinations.csv", "line 1",
         "the header prefix,class,name"),
        ({"destinations.csv": DESTINATIONS.partition("\n")[2]}, "destinations.csv", "line 1",
         "the header prefix,class,name"),
        ({"destinations.csv": DESTINATIONS.replace("class", "kind")}, "destinations.csv", "line 1",
         "the header prefix,class,name"),
        ({"destinations.csv": "prefix,class,name\n\n"}, "destinations.csv", "-",
         "at least one row"),
        ({"destinations.csv": "prefix,class,name\n+44,abroad,UK\n"}, "destinations.csv", "line 2",
         "prefix (digits),class,name"),
        ({"destinations.csv": DESTINATIONS + "+44,abroad,UK\n"}, "destinations.csv", "line 5",
         "prefix (digits),class,name"),
        ({"destinations.csv": DESTINATIONS + "٤٤,abroad,UK\n"}, "destinations.csv", "line 5",
         "prefix (digits),class,name"),
        ({"destinations.csv": DESTINATIONS + "\n44,,UK\n"}, "destinations.csv", "line 6",
         "prefix (digits),class,name"),
        ({"destinations.csv": DESTINATIONS + "44,abroad\n"}, "destinations.csv", "line 5",
         "prefix (digits),class,name"),
        ({"destinations.csv": DESTINATIONS + "44,abroad,UK,London\n"}, "destinations.csv",
         "line 5", "prefix (digits),class,name"),
        ({"destinations.csv": DESTINATIONS + " 49 ,abroad,Germany\n"}, "destinations.csv",
         "line 5", "prefix 49 once"),
        ({"destinations.csv": DESTINATIONS + '44,abroad,"UK\n'}, "destinations.csv", "line 5",
         "CSV:"),
        ({"destinations.csv": DESTINATIONS + "44,abroad," + "x" * 200_000}, "destinations.csv",
         "line 5", "CSV:"),
        # tariffs
        ({"basic.toml": None}, "", "*.toml", "at least one tariff"),
        ({"second.toml": TARIFF}, "second.toml", "id",
         "an id no other tariff has; 'basic' is used"),
        ({"second.toml": OTHER.replace('"national"', '"nation"')}, "second.toml",
         "prices[2].destinations", "a class of numbers (abroad, free, mobile, national), not 'nation'"),
        ({"catalogue.toml": GENERAL.replace("free", "gratis")}, "basic.toml",
         "prices[3].destinations", "not 'free'"),
    ],
)  # fmt: skip
def test_one_mistake_is_one_error(
    tmp_path: Path, files: dict[str, str | bytes | None], file: str, key: str, expected: str
) -> None:
    """Each mistake is reported once, with its file, its key and what was expected."""
    found = errors(write(tmp_path, files))
    assert [(each.file, each.key) for each in found] == [(file or str(tmp_path), key)]
    assert expected in found[0].expected


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """One error with the folder, not one for each file that is not in it; a file is no folder."""
    (tmp_path / "file").write_text("")
    for name in ("nowhere", "file"):
        found = errors(tmp_path / name)
        assert [(each.file, each.key) for each in found] == [(str(tmp_path / name), "-")]
        assert "a folder that can be read" in found[0].expected


def test_an_empty_folder(tmp_path: Path) -> None:
    """Everything that belongs into it is asked for at once."""
    assert [(each.file, each.key) for each in errors(tmp_path)] == [
        ("catalogue.toml", "-"), ("destinations.csv", "-"), (str(tmp_path), "*.toml"),
    ]  # fmt: skip


def test_what_looks_like_a_file_and_cannot_be_read(tmp_path: Path) -> None:
    """A folder named like a tariff, and a link that leads nowhere."""
    write(tmp_path, {})
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "link.toml").symlink_to(tmp_path / "nowhere")
    found = errors(tmp_path)
    assert [(each.file, each.key) for each in found] == [("folder.toml", "-"), ("link.toml", "-")]
    assert all("a file that can be read" in each.expected for each in found)


def test_every_mistake_of_every_file_in_one_run(tmp_path: Path) -> None:
    """Nothing hides behind a mistake in another file; the sentence of the exception names all."""
    write(
        tmp_path,
        {
            "catalogue.toml": 'currency = "?"\n[numbering]\ncountry = 7\ntrunk = 8\nx = 1\n',
            "destinations.csv": DESTINATIONS + "x,y,z\n,,\n",
            "basic.toml": TARIFF.replace('"0.09"', "0.09").replace('"mobile"', '"?"'),
            "broken.toml": "=",
            "second.toml": "id = 1\nfee = 40\n",
        },
    )
    found = errors(tmp_path)
    assert sorted((each.file, each.key) for each in found) == [
        ("basic.toml", "prices[2].price"),
        ("broken.toml", "-"),
        ("catalogue.toml", "currency"),
        ("catalogue.toml", "numbering.country"),
        ("catalogue.toml", "numbering.trunk"),
        ("catalogue.toml", "numbering.x"),
        ("destinations.csv", "line 5"),
        ("destinations.csv", "line 6"),
        ("second.toml", "fee"),
        ("second.toml", "id"),
        ("second.toml", "prices"),
    ]
    text = str(CatalogueErrors(found))
    assert all(f"{each.file}: {each.key}: {each.expected}" in text for each in found)


# --- whatever stands in the files, only CatalogueErrors may come ------------------------------------

ZONES = [
    datetime.UTC, *(datetime.timezone(datetime.timedelta(hours=hours)) for hours in (6, 14, -12)),
]  # fmt: skip
scalars = st.one_of(
    st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(max_size=8),
    st.dates(), st.datetimes(), st.times(), st.datetimes(timezones=st.sampled_from(ZONES)),
    st.sampled_from(["", "voice", "data", "paid", "0", "9" * 30, "1 min", "1 MB", "1 KB", "up",
                     "0.000001", "999999999.999999", "49", "00", "112", "mobile", "terminating",
                     "input", "visited", "auto", "emergency", "26201", "20:00-23:00", "sat",
                     "03-08", "12 %", "day", "Asia/Almaty"]),
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["until", "price", "unit", "rate", "x", ""]), inner, max_size=3
        ),
    ),
    max_leaves=5,
)
general_keys = st.sampled_from(
    [
        "currency",
        "home_networks",
        "free",
        "numbering",
        "short_numbers",
        "zone",
        "starts",
        "holidays",
        "notices",
        "counters",
        "tax",
        "x",
    ]
)
numbering_keys = st.sampled_from(["country", "trunk", "national_digits", "international", "x"])
price_keys = st.sampled_from(
    ["service", "price", "per", "step", "maximum", "setup", "stretches", "destinations",
     "rating_groups", "fee", "direction", "rounding", "quantum", "service_identifiers",
     "message_classes", "networks", "from", "to", "counts", "zones", "apns", "rat_types", "when",
     "unless", "attributes", "hours", "days", "minimum", "free", "least", "at_most", "min_balance",
     "counter", "then", "tax", "x"]
)  # fmt: skip
sound_price = st.sampled_from(
    [
        {"service": "voice", "price": "1.00", "per": "1 min"},
        {"service": "data", "price": "1.00", "per": "1 MB", "step": "1 KB"},
        {"service": "voice", "per": "1 min", "step": "1 s", "maximum": "3 min",
         "stretches": [{"until": "2 min", "price": "1"}, {"price": "0"}]},
    ]
)  # fmt: skip


def toml(value: object) -> str:
    """A value as TOML writes it in one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(key)} = {toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    # A JSON string is a TOML string, but for DEL.
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
    return text.replace("\x7f", "\\u007f")


def document(tables: dict[str, object]) -> str:
    """A whole file."""
    return "".join(f"{toml(key)} = {toml(value)}\n" for key, value in tables.items())


def load_or_errors(folder: Path) -> Catalogue | list[Problem]:
    """The catalogue, or what is wrong with it."""
    try:
        return load(folder)
    except CatalogueErrors as found:
        return found.errors


def is_sound(found: Catalogue | list[Problem]) -> bool:
    """Whether all prices that were read can be used, or errors say each where and what."""
    if isinstance(found, list):
        return bool(found) and all(each.file and each.key and each.expected for each in found)
    prices = [rule.price for each in found.tariffs.values() for rule in each.rules]
    return all(0 <= cost(each, 0) <= cost(each, 10_000) for each in prices)


quick = settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@quick
@given(
    general=st.dictionaries(general_keys, values, max_size=3),
    numbering=st.one_of(st.none(), st.dictionaries(numbering_keys, values, max_size=3)),
    price=sound_price,
    changes=st.dictionaries(price_keys, values, max_size=3),
    tariff=st.dictionaries(st.sampled_from(["id", "name", "prices", "x"]), values, max_size=1),
)
def test_any_value_at_any_key(
    tmp_path: Path,
    general: dict[str, object],
    numbering: dict[str, object] | None,
    price: dict[str, object],
    changes: dict[str, object],
    tariff: dict[str, object],
) -> None:
    """Values of every type at every key are read or reported; a price that is read can be used."""
    if numbering is not None:
        general = {**general, "numbering": numbering}
    basic = {"id": "basic", "prices": [{**price, **changes}], **tariff}
    files: dict[str, str | bytes | None] = {
        "catalogue.toml": document(general), "basic.toml": document(basic),
    }  # fmt: skip
    found = load_or_errors(write(tmp_path, files))
    assert is_sound(found)
    assert isinstance(found, Catalogue) or "TOML" not in str(CatalogueErrors(found))


@quick
@given(
    name=st.sampled_from(["catalogue.toml", "destinations.csv", "basic.toml"]),
    data=st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)),
    at=st.integers(0, 500),
    length=st.integers(0, 40),
)
def test_any_bytes_in_any_file(
    tmp_path: Path, name: str, data: bytes, at: int, length: int
) -> None:
    """A stretch of a file replaced by anything is read or reported."""
    sound = {"catalogue.toml": GENERAL, "destinations.csv": DESTINATIONS, "basic.toml": TARIFF}
    whole = sound[name].encode()
    changed: dict[str, str | bytes | None] = {
        **sound,
        name: whole[:at] + data + whole[at + length :],
    }
    assert is_sound(load_or_errors(write(tmp_path, changed)))


# --- what is read -----------------------------------------------------------------------------------


def test_a_catalogue(tmp_path: Path) -> None:
    """Currency, numbering, classes and tariffs as the files say; a catalogue is never changed."""
    catalogue = load(write(tmp_path, {"other.toml": OTHER}))
    assert catalogue.currency == Currency("EUR", 978, 2)
    assert catalogue.numbering == Numbering("49", "0", 11, ("00",))
    assert sorted(catalogue.tariffs) == ["basic", "other"]
    with pytest.raises(FrozenInstanceError):
        catalogue.version = ""  # type: ignore[misc]  # the assignment that must fail
    numbers = ["49301234567", "4915123456789", "12125551234", "4491234567", "112", "110", "111"]
    assert [catalogue.destinations.find(each) for each in numbers] == [
        "national", "mobile", "abroad", "", "free", "free", "",
    ]  # fmt: skip


def test_what_may_be_left_out(tmp_path: Path) -> None:
    """An empty catalogue.toml means the defaults, and no short numbers."""
    tariff = TARIFF.replace('["free"]', '["national"]')
    catalogue = load(write(tmp_path, {"catalogue.toml": "", "basic.toml": tariff}))
    assert catalogue.currency == Currency("KZT", 398, 2)
    assert catalogue.numbering == Numbering("7", "8", 10, ("00", "810"))
    assert catalogue.destinations.find("112") == ""
    assert catalogue.free == {"emergency"}
    assert not catalogue.home_networks


@pytest.mark.parametrize("name", sorted(CURRENCIES))
def test_the_smallest_coin_of_the_currency_is_the_quantum(tmp_path: Path, name: str) -> None:
    """Of 10^6 micros: yen have no decimals, dinars of Kuwait three, the others two (ISO 4217)."""
    catalogue = load(write(tmp_path, {"catalogue.toml": GENERAL.replace("EUR", name)}))
    quantum = catalogue.tariffs["basic"].rules[0].price.rounding.quantum
    assert quantum == {"JPY": 1_000_000, "KWD": 1_000}.get(name, 10_000)


def test_files_as_spreadsheets_write_them(tmp_path: Path) -> None:
    """A byte order mark, line ends of Windows, quotes, a line break inside a name."""
    text = (
        '\ufeffprefix,class,name\r\n"49",national,"Germany,\r\nwhole"\r\n\r\n 4915 , mobile ,\r\n'
    )
    catalogue = load(
        write(tmp_path, {"destinations.csv": text, "catalogue.toml": "\ufeff" + GENERAL})
    )
    assert catalogue.destinations.find("4915123456789") == "mobile"
    assert catalogue.destinations.find("49301234567") == "national"


def test_other_files_are_none_of_the_catalogue(tmp_path: Path) -> None:
    """Notes, copies of editors and files behind a dot are neither read nor part of the version."""
    version = load(write(tmp_path, {})).version
    for name in ("README.md", ".basic.toml", "basic.toml~", "basic.toml.orig", "old.tcsv", "x.csv"):
        (tmp_path / name).write_bytes(b"\xff =")
    assert load(tmp_path).version == version


def test_the_version_is_of_the_contents(tmp_path: Path) -> None:
    """The same files give the same version anywhere; a change of any of them, or of a name, another."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    version = load(write(tmp_path / "a", {})).version
    assert load(write(tmp_path / "b", {})).version == version
    changes: list[dict[str, str | bytes | None]] = [
        {"catalogue.toml": GENERAL + "# \n"},
        {"destinations.csv": DESTINATIONS + "44,abroad,UK\n"},
        {"basic.toml": TARIFF.replace("0.09", "0.08")},
        {"basic.toml": None, "basis.toml": TARIFF},
        {"other.toml": OTHER, "basis.toml": None},
    ]
    versions = {version}
    for change in changes:
        versions.add(load(write(tmp_path / "b", change)).version)
    assert len(versions) == 1 + len(changes)


# --- longest prefix -----------------------------------------------------------------------------------


def test_the_longest_prefix_of_100_000() -> None:
    """Random prefixes against looking at every one of them."""
    seeded = random.Random(8506)
    rows = {
        "".join(seeded.choices("0123456789", k=seeded.randint(1, 12))): f"class {number}"
        for number in range(100_000)
    }
    del rows["1"]  # so that some numbers fit none
    prefixes = Prefixes(rows)
    numbers = ["".join(seeded.choices("0123456789", k=seeded.randint(7, 15))) for _ in range(40)]
    numbers += [each.ljust(7, "5") + "5" for each in seeded.sample(sorted(rows), 40)]
    numbers += ["1" + "0" * 11]
    for number in numbers:
        fitting = [each for each in rows if number.startswith(each)]
        assert prefixes.find(number) == (rows[max(fitting, key=len)] if fitting else "")


@given(
    rows=st.dictionaries(st.from_regex(r"[0-3]{1,9}", fullmatch=True), st.sampled_from("abc")),
    number=st.from_regex(r"[0-3]{7,12}", fullmatch=True),
)
def test_the_longest_prefix(rows: dict[str, str], number: str) -> None:
    """Few digits, so that prefixes of one another are frequent; a whole number may be a prefix."""
    fitting = [each for each in rows if number.startswith(each)]
    assert Prefixes(rows).find(number) == (rows[max(fitting, key=len)] if fitting else "")


def test_a_short_number_is_never_read_as_a_prefix() -> None:
    """112 is not a number of country code 1, nor are other numbers of up to six digits."""
    prefixes = Prefixes({"1": "abroad", "112": "abroad", "112112": "abroad"}, {"112": "emergency"})
    assert prefixes.find("112") == "emergency"
    assert [prefixes.find(each) for each in ("", "1", "11", "113", "112112")] == [""] * 5
    assert prefixes.find("1121120") == "abroad"


# --- finding a price ------------------------------------------------------------------------------------


def find(
    catalogue: Catalogue,
    attributes: RatingAttributes,
    *identifiers: int,
    tariff: str = "basic",
    fee_is_paid: bool = False,
    group: int | None = None,
    at: int = 0,
    **subscriber: object,
) -> tuple[tuple[Price, ...], UtcMillis | None]:
    """The prices that apply to a session of a subscriber of the tariff, and up to when."""
    moment = UtcMillis(at)
    served = replace(
        Subscriber(AccountId("1"), Partition(0), 1, tariff, SubscriberState.ACTIVE, ()),
        **subscriber,  # type: ignore[arg-type]  # fields by name, as the test says
    )
    context = SessionContext(
        AccountId("1"), Partition(0), attributes.service, tariff, moment, fee_is_paid, attributes, ""
    )  # fmt: skip
    occasion = catalogue.occasion(served, context, group, identifiers, moment)
    return find_prices(catalogue, catalogue.tariffs[tariff].rules, occasion)


def found(
    catalogue: Catalogue,
    attributes: RatingAttributes,
    *,
    fee_is_paid: bool = False,
    **subscriber: object,
) -> str | None:
    """The name of the price that applies."""
    prices, _ = find(catalogue, attributes, fee_is_paid=fee_is_paid, **subscriber)  # type: ignore[arg-type]  # its fields
    assert len(prices) <= 1
    return prices[0].name if prices else None


def test_no_price(tmp_path: Path) -> None:
    """A service without prices, a class without one, and a number of no class."""
    catalogue = load(write(tmp_path, {}))
    assert found(catalogue, RatingAttributes("sms", called="4915123456789")) is None
    for called in ("12125551234", "4491234567", "3030", ""):
        assert found(catalogue, RatingAttributes("voice", called=called)) is None


def test_the_first_price_whose_conditions_hold(tmp_path: Path) -> None:
    """By destination, fee and rating group, in the order of the file."""
    catalogue = load(write(tmp_path, {}))
    mobile = RatingAttributes("voice", called="4915123456789")
    assert found(catalogue, mobile, fee_is_paid=True) == "basic voice mobile fee paid"
    assert found(catalogue, mobile) == "basic voice mobile, national"
    landline = RatingAttributes("voice", called="49301234567")
    assert found(catalogue, landline, fee_is_paid=True) == "basic voice mobile, national"
    assert found(catalogue, RatingAttributes("voice", called="112")) == "basic voice free"
    data = RatingAttributes("data")
    narrow, wide = (
        catalogue.tariffs["basic"].rules[3].price,
        catalogue.tariffs["basic"].rules[4].price,
    )
    for group, expected in ((10, narrow), (11, wide), (None, wide)):
        (price,), _ = find(catalogue, data, group=group)
        assert price is expected


# --- tables beside: ported numbers, zones of visited networks -------------------------------------------


def test_a_ported_number_is_where_it_went(tmp_path: Path) -> None:
    """Whole numbers, before any prefix; the next number is where its prefix says."""
    ported = "number,class\n4915123456789,abroad\n"
    catalogue = load(write(tmp_path, {"ported.csv": ported}))
    numbers = ("4915123456789", "4915123456780", "49151234567891")
    assert [catalogue.destinations.find(each) for each in numbers] == ["abroad", "mobile", "mobile"]


ABROAD = """
id = "basic"
[[prices]]
service = "voice"
zones = ["neighbours"]
price = "0.20"
per = "1 min"
[[prices]]
service = "voice"
networks = "national"
price = "0.10"
per = "1 min"
[[prices]]
service = "voice"
networks = "international"
price = "2.00"
per = "1 min"
[[prices]]
service = "voice"
price = "0.05"
per = "1 min"
"""
NETWORKS = "network,zone,name\n232,neighbours,Austria\n23210,far,Hutchison\n"


@pytest.mark.parametrize(
    ("visited", "expected"),
    [
        ("", "basic voice"),
        ("26201", "basic voice"),
        ("26202", "basic voice national"),
        ("23201", "basic voice zone neighbours"),
        ("23210", "basic voice international"),  # listed itself: not in its country's zone
        ("25001", "basic voice international"),
    ],
)
def test_where_the_subscriber_is(tmp_path: Path, visited: str, expected: str) -> None:
    """At home, in another network of the country, in a zone, elsewhere; or only at home."""
    general = "home_networks = ['26201']\n" + GENERAL
    files: dict[str, str | bytes | None] = {
        "catalogue.toml": general, "basic.toml": ABROAD, "networks.csv": NETWORKS,
    }  # fmt: skip
    catalogue = load(write(tmp_path, files))
    call = RatingAttributes("voice", visited_network=visited)
    assert found(catalogue, call) == expected
    assert found(catalogue, call, roams=False) == (expected if expected == "basic voice" else None)


def test_a_zone_that_no_network_is_in(tmp_path: Path) -> None:
    """Named where it stands, with or without the table of networks."""
    for networks in (None, NETWORKS.replace("neighbours", "near")):
        (problem,) = errors(write(tmp_path, {"basic.toml": ABROAD.replace(
            'networks = "national"', "").replace('networks = "international"', ""),
            "networks.csv": networks}))  # fmt: skip
        assert (problem.file, problem.key) == ("basic.toml", "prices[1].zones")


# --- local time -----------------------------------------------------------------------------------------

NIGHTS = """
id = "basic"
[[prices]]
service = "voice"
days = ["holiday"]
price = "0"
per = "1 min"
[[prices]]
service = "voice"
hours = ["22:00-06:00"]
price = "0.01"
per = "1 min"
[[prices]]
service = "voice"
price = "0.05"
per = "1 min"
"""
HOUR = 3_600_000


@pytest.mark.parametrize(
    ("zone", "hour", "amount", "until"),
    [
        # Thursday, 1 January 1970 is a holiday from midnight; Berlin is UTC+1, Almaty was UTC+6.
        ("", -2, 10_000, -1),  # Berlin 23:00; the holiday begins with midnight
        ("", -1, 0, 5),  # 00:00; at 06:00 another price might apply
        ("", 22, 0, 23),  # 23:00 of the holiday: night, but the first price counts
        ("", 23, 10_000, 29),
        ("", 29, 50_000, 45),  # Friday, 06:00 to 22:00
        ("Asia/Almaty", -7, 10_000, -6),
        ("Asia/Almaty", -6, 0, 0),
    ],
)
def test_hours_and_days_on_the_clock_of_the_subscriber(
    tmp_path: Path, zone: str, hour: int, amount: int, until: int
) -> None:
    """Hours over midnight; a holiday; the operator's zone where the subscriber has none."""
    general = 'zone = "Europe/Berlin"\nholidays = ["01-01"]\n' + GENERAL
    catalogue = load(write(tmp_path, {"catalogue.toml": general, "basic.toml": NIGHTS}))
    (price,), ends = find(catalogue, RatingAttributes("voice"), at=hour * HOUR, zone=zone)
    assert cost(price, 60) == amount
    assert ends == until * HOUR


# --- what holds for all prices --------------------------------------------------------------------------


def test_taxes_counters_and_notices(tmp_path: Path) -> None:
    """Of the whole catalogue: VAT on top, a counter of events, amounts at which people are told."""
    general = (
        'notices = ["50 %", "2.00", "0.50"]\ntax = { rate = "19 %", included = false }\n'
        + GENERAL
        + '[counters.day-sms]\nunit = "events"\ncapacity = "200 message"\nshared = true\n'
    )
    basic = (
        TARIFF + '[[prices]]\nservice = "sms"\ncounter = "day-sms"\nprice = "1"\nper = "1 event"'
    )
    catalogue = load(write(tmp_path, {"catalogue.toml": general, "basic.toml": basic}))
    assert catalogue.notices == (2_000_000, 500_000)
    counter = catalogue.counters["day-sms"]
    assert (counter.unit, counter.capacity, counter.span) == ("events", 200, "day")
    assert (counter.is_shared, counter.notices) == (True, (100,))
    (price,), _ = find(catalogue, RatingAttributes("sms"))
    assert cost(price, 1) == 1_190_000
    assert (price.tax, price.draws[0].source) == ((19, 119), "day-sms")


@pytest.mark.parametrize(
    ("line", "key", "expected"),
    [
        ("notices = '80 %'", "notices", "a list of amounts used or left"),
        ("notices = ['101 %']", "notices", "a list of amounts used or left"),
        ("notices = [100]", "notices", "a list of amounts used or left"),
        ("notices = [['80 %']]", "notices", "a list of amounts used or left"),
        ("counters = 1", "counters", "a table: [counters.<name>]"),
        ("counters.day = 1", "counters.day", "a table, by a name without spaces"),
        ("counters.'a b' = {}", "counters.a b", "a table, by a name without spaces"),
        ("counters.day = { unit = 'events', capacity = '0 event' }", "counters.day.capacity",
         "a quantity like"),
        ("counters.day = { unit = 'events', capacity = '1 event', every = '3 days' }",
         "counters.day.every", '"day", "week"'),
        ("tax = '19 %'", "tax", "a table"),
        ("tax = { rate = 19 }", "tax.rate", "a percentage in quotes"),
    ],
)  # fmt: skip
def test_one_mistake_in_what_holds_for_all(
    tmp_path: Path, line: str, key: str, expected: str
) -> None:
    """One error, and none in the products that use it."""
    found = errors(write(tmp_path, {"catalogue.toml": f"{line}\n{GENERAL}"}))
    assert [(each.file, each.key) for each in found] == [("catalogue.toml", key)]
    assert expected in found[0].expected


def test_prices_that_cannot_be_counted_together(tmp_path: Path) -> None:
    """0.000001 for so many seconds: 7,919 and 10,007 are prime, their product passes 2^26."""
    one = 'id = "basic"\n[[prices]]\nservice = "voice"\nprice = "0.000001"\nstep = "1 s"\nper = '
    other = one.replace("basic", "other")
    load(write(tmp_path, {"basic.toml": one + '"7919 s"', "other.toml": other + '"8 s"'}))
    (problem,) = errors(
        write(tmp_path, {"basic.toml": one + '"7919 s"', "other.toml": other + '"10007 s"'})
    )
    assert (problem.file, problem.key) == ("other.toml", "other voice")
    assert "counted together" in problem.expected


def test_a_price_that_is_exact_only_alone(tmp_path: Path) -> None:
    """90,000,000 a second is 9 x 10^13 micros: beside thirds times 3 x 3, which is below 2^53
    (9.007 x 10^15); beside sevenths as well times 21 x 21, which is not."""
    head = 'id = "basic"\n[[prices]]\nservice = "voice"\n'
    dear = head + 'price = "90000000"\nper = "1 s"\n'
    third = '[[prices]]\nservice = "voice"\nprice = "0.000001"\nstep = "1 s"\nper = "3 s"\n'
    load(write(tmp_path, {"basic.toml": dear + third}))
    (problem,) = errors(write(tmp_path, {"basic.toml": dear + third + third.replace("3 s", "7 s")}))
    assert (problem.file, problem.key) == ("basic.toml", "basic voice")
    assert "stays exact beside the others" in problem.expected


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        ('requires = ["basic", "gone"]', "requires"),
        ('excludes = ["gone"]', "excludes"),
        ('forfeits = ["gone"]', "forfeits"),
        ('fallback = "gone"\nfee = { amount = "1", every = "month" }', "fallback"),
    ],
)
def test_a_product_that_no_file_has(tmp_path: Path, lines: str, key: str) -> None:
    """A misspelt name would be a rule that never holds; those that are there are no mistake."""
    other = OTHER.replace('id = "other"', f'id = "other"\n{lines}')
    (problem,) = errors(write(tmp_path, {"other.toml": other}))
    assert (problem.file, problem.key) == ("other.toml", key)
    assert "'gone'" in problem.expected
    load(write(tmp_path, {"other.toml": other.replace("gone", "basic")}))


# --- numbers free of control, home networks -------------------------------------------------------------


def test_numbers_free_of_control(tmp_path: Path) -> None:
    """Those of the listed classes, whole short numbers or by prefix; no number is never free."""
    general = "free = ['free', 'abroad']\n" + GENERAL
    catalogue = load(write(tmp_path, {"catalogue.toml": general}))
    numbers = ["112", "110", "12125551234", "113", "4915123456789", "4491234567", "", "1121121"]
    assert [catalogue.is_free(each) for each in numbers] == [
        True, True, True, False, False, False, False, True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "expected"), [("", True), ("free = ['emergency']\n", True), ("free = []\n", False)]
)
def test_emergency_is_free_of_control_unless_the_file_says_otherwise(
    tmp_path: Path, line: str, expected: bool
) -> None:
    """Left out, the class "emergency" where there is one; an empty list is none at all."""
    general = line + GENERAL + "emergency = ['999']\n"
    catalogue = load(write(tmp_path, {"catalogue.toml": general}))
    assert catalogue.is_free("999") is expected
    assert not catalogue.is_free("112")  # of another class here


def test_home_networks(tmp_path: Path) -> None:
    """Whole MCC-MNC, of five or six digits; a network that is not known is home."""
    general = "home_networks = ['26201', '310410']\n" + GENERAL
    catalogue = load(write(tmp_path, {"catalogue.toml": general, "basic.toml": ROAMING}))
    networks = ["26201", "310410", "", "26202", "262010", "31041"]
    home, national = ["home"] * 3, ["national"] * 3  # 262 and 310 are the operator's countries
    assert [catalogue.network(each) for each in networks] == home + national
    assert catalogue.network("25001") == "international"
    data, abroad = RatingAttributes("data"), RatingAttributes("data", visited_network="26202")
    assert found(catalogue, data) == "basic data"
    assert found(catalogue, abroad) == "basic data visited"
    call = RatingAttributes("voice", called="4915123456789", visited_network="26202")
    assert found(catalogue, call) is None


def test_without_home_networks_every_network_is_home(tmp_path: Path) -> None:
    """Nothing tells them apart."""
    catalogue = load(write(tmp_path, {}))
    assert catalogue.network("26202") == "home"
    assert found(catalogue, RatingAttributes("data", visited_network="26202")) == "basic data"


# --- moments and directions -----------------------------------------------------------------------------

#: Cheaper calls from 1,000 to 2,000 s of the epoch, services told apart, data by direction in group 10.
WIDE = """
id = "wide"
[[prices]]
service = "voice"
from = 1970-01-01T00:16:40Z
to = 1970-01-01T00:33:20Z
price = "0.05"
per = "1 min"
[[prices]]
service = "voice"
price = "0.09"
per = "1 min"
[[prices]]
service = "vas"
service_identifiers = [1]
to = 1970-01-01T00:33:20Z
price = "0.99"
per = "1 event"
[[prices]]
service = "data"
rating_groups = [10]
counts = "output"
price = "0.24"
per = "1 MB"
[[prices]]
service = "data"
price = "0.50"
per = "1 MB"
[[prices]]
service = "data"
rating_groups = [10]
counts = "input"
price = "0.12"
per = "1 MB"
"""


@pytest.fixture
def wide(tmp_path: Path) -> Catalogue:
    """The tariff of moments and directions."""
    return load(write(tmp_path, {"wide.toml": WIDE}))


def prices_at(
    catalogue: Catalogue, service: str, at: int, group: int | None = None, *identifiers: int
) -> tuple[tuple[Price, ...], UtcMillis | None]:
    """What applies at a moment, and up to when."""
    attributes = RatingAttributes(service)
    return find(catalogue, attributes, *identifiers, tariff="wide", group=group, at=at)


def test_nothing_applies(wide: Catalogue) -> None:
    """A service without prices, a service not named, a price that has ended."""
    assert prices_at(wide, "sms", 0)[0] == ()
    assert prices_at(wide, "vas", 0)[0] == ()
    assert prices_at(wide, "vas", 0, None, 1, 2)[0] == ()
    assert prices_at(wide, "vas", 2_000_000, None, 1)[0] == ()


@pytest.mark.parametrize(
    ("at", "amount", "until"),
    [
        (-1, "0.09", 1_000_000),
        (999_999, "0.09", 1_000_000),
        (1_000_000, "0.05", 2_000_000),
        (1_999_999, "0.05", 2_000_000),
        (2_000_000, "0.09", None),
        (9_000_000, "0.09", None),
    ],
)
def test_until_when_a_price_holds(wide: Catalogue, at: int, amount: str, until: int | None) -> None:
    """The next moment at which a price of the service begins or ends; the moment itself is past.

    A report may come hours late: what is asked for is the price of its own time.
    """
    (price,), ends = prices_at(wide, "voice", at)
    assert cost(price, 60) == {"0.05": 50_000, "0.09": 90_000}[amount]
    assert ends == until


def test_moments_of_one_service_are_none_of_another(wide: Catalogue) -> None:
    """Data has no such moments: its prices are those that were loaded, nothing is made anew."""
    (price,), ends = prices_at(wide, "data", 0)
    assert price is wide.tariffs["wide"].rules[4].price
    assert ends is None
    assert prices_at(wide, "vas", 0, None, 1)[1] == 2_000_000


def test_directions_apart(wide: Catalogue) -> None:
    """Input first, whichever stands first in the file; what is counted as a whole lies between."""
    (sent, received), _ = prices_at(wide, "data", 0, 10)
    assert (sent.counts, received.counts) == ("input", "output")
    assert (cost(sent, 2**20), cost(received, 2**20)) == (120_000, 240_000)
    (whole,), _ = prices_at(wide, "data", 0, 11)
    assert (whole.counts, cost(whole, 2**20)) == ("total", 500_000)


def test_message_classes(tmp_path: Path) -> None:
    """Class-Identifier decides; a message that does not say is of none."""
    tariff = (
        TARIFF
        + """
[[prices]]
service = "mms"
message_classes = ["advertisement", "auto"]
price = "0"
per = "1 message"
[[prices]]
service = "mms"
message_classes = ["personal"]
price = "0.39"
per = "1 message"
"""
    )
    catalogue = load(write(tmp_path, {"basic.toml": tariff}))
    message = RatingAttributes("mms")
    free, paid = "basic mms advertisement, auto", "basic mms personal"
    for known, expected in ((0, paid), (1, free), (2, None), (3, free), (None, None)):
        assert found(catalogue, replace(message, message_class=known)) == expected
