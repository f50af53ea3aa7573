"""What commands show: exact JSON for programs, text for people in which nothing is markup by accident."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from ocs import present
from ocs.books import Balance, Held, LedgerEntry, Move, OpenSession, PostOutcome, PostStatus
from ocs.config import ConfigError, ConfigErrors
from ocs.diameter.decode import Node
from ocs.model import (
    AccountId,
    Bucket,
    Identity,
    IdentityKind,
    Partition,
    Product,
    ProductState,
    Subscriber,
    SubscriberState,
    UtcMillis,
)

MOMENT = UtcMillis(1_767_225_600_007)  # 2026-01-01 00:00:00.007 UTC
BALANCE = Balance(30_000_000, 18_880_000, 11_000_000, 120_000, 0, 3)
AMOUNTS = {
    "available": "18.88",
    "reserved": "11.00",
    "credited": "30.00",
    "spent": "0.12",
    "written_off": "0.00",
}
SUBSCRIBER = Subscriber(
    AccountId("7"),
    Partition(7),
    2,
    "social",
    SubscriberState.BARRED,
    (Identity(IdentityKind.E164, "77010000001"),),
)
SESSION = OpenSession(
    session_id=b"[bold]a;1",
    account_id=AccountId("7"),
    partition=Partition(7),
    origin_host="[red]pgw1",
    origin_realm="example",
    peer="dra",
    owner="w0",
    is_waiting=True,
    is_cut=False,
    reserved=11_000_000,
    started=MOMENT,
    deadline=UtcMillis(MOMENT + 1000),
    service="data",
)
ENTRY = LedgerEntry(
    entry_id="5-0",
    sequence=3,
    previous="4-0",
    account_id=AccountId("7"),
    kind="charge",
    at=MOMENT,
    actor="[red]pgw1",
    reason="why",
    session_id=b"a;1",
    request="U2",
    key="10",
    units=5,
    granted=60,
    credited=0,
    spent=120_000,
    reserved=-880_000,
    written_off=0,
    after=BALANCE,
)

Capture = pytest.CaptureFixture[str]


def shown(capsys: Capture) -> object:
    """The one line of JSON on standard output; nothing else anywhere."""
    out, err = capsys.readouterr()
    assert err == "" and out.count("\n") == 1
    return json.loads(out)


@pytest.mark.parametrize(
    ("session_id", "text"),
    [
        (b"pgw1.example;1;2", "pgw1.example;1;2"),
        (b"", ""),
        (b"a b", "0x612062"),
        (b"a\n", "0x610a"),
        (b"\x1b[2J", "0x1b5b324a"),
        (b"\xff", "0xff"),
        ("é".encode(), "0xc3a9"),
        (b"0x61", "0x30783631"),
    ],
)
def test_session_text(session_id: bytes, text: str) -> None:
    """One printable word, also for what is none; it leads back to the same session."""
    assert present.session_text(session_id) == text
    assert present.session_id(text) == session_id


@given(st.binary(max_size=40))
def test_session_text_leads_back(session_id: bytes) -> None:
    """Whatever a client calls its session, it can be named on the command line."""
    text = present.session_text(session_id)
    assert text.isascii() and " " not in text and (text == "" or text.isprintable())
    assert present.session_id(text) == session_id


@pytest.mark.parametrize("text", ["0x6", "0xzz", "0x 6g"])
def test_no_session_text(text: str) -> None:
    """What is no hexadecimal is refused."""
    with pytest.raises(ValueError, match="hex"):
        present.session_id(text)


def test_session_id_of_the_command_line() -> None:
    """Octets that are no UTF-8 arrive from the command line as surrogates, and are the same octets."""
    assert present.session_id("a\udcff") == b"a\xff"


def test_when() -> None:
    """RFC 3339, UTC, milliseconds, exact."""
    assert present.when(MOMENT) == "2026-01-01T00:00:00.007Z"
    assert present.when(0) == "1970-01-01T00:00:00.000Z"


def test_json(capsys: Capture) -> None:
    """Amounts are decimal texts, times RFC 3339, sessions one word."""
    identity = {
        "msisdn": "77010000001", "imsi": None, "tariff": "social", "state": "barred",
        "account": "7", "partition": 7, "version": 2,
    }  # fmt: skip
    present.subscriber(SUBSCRIBER, BALANCE, True)
    assert shown(capsys) == identity | {"balance": AMOUNTS}
    present.subscribers([SUBSCRIBER], True)
    assert shown(capsys) == [identity]
    present.balance("77010000001", BALANCE, True)
    assert shown(capsys) == {"msisdn": "77010000001"} | AMOUNTS
    present.topup("1", PostOutcome(PostStatus.POSTED, BALANCE, (SESSION,)), True)
    assert shown(capsys) == AMOUNTS | {
        "msisdn": "1", "status": "posted", "reauthorised": ["[bold]a;1"],
    }  # fmt: skip
    present.sessions([SESSION], True)
    assert shown(capsys) == [
        {
            "session": "[bold]a;1", "account": "7", "service": "data", "correlation": "",
            "client": "[red]pgw1",
            "started": "2026-01-01T00:00:00.007Z", "deadline": "2026-01-01T00:00:01.007Z",
            "reserved": "11.00", "waiting": True, "cut": False,
        }
    ]  # fmt: skip
    present.statement([ENTRY], True)
    assert shown(capsys) == [
        {
            "sequence": 3, "id": "5-0", "previous": "4-0", "at": "2026-01-01T00:00:00.007Z",
            "kind": "charge", "actor": "[red]pgw1", "reason": "why", "session": "a;1",
            "request": "U2", "key": "10", "units": 5, "granted": 60, "credited": "0.00",
            "spent": "0.12", "reserved": "-0.88", "written_off": "0.00", "after": AMOUNTS,
        }
    ]  # fmt: skip
    present.nodes([Node("Session-Id", 263, 0, "M", "'é'")])
    assert shown(capsys) == [
        {
            "name": "Session-Id", "code": 263, "vendor": 0, "flags": "M", "value": "'é'",
            "members": [],
        }
    ]  # fmt: skip
    present.done("removed", True)
    assert shown(capsys) == {"done": "removed"}
    for nothing in (present.subscribers, present.sessions, present.statement):
        nothing([], True)
        assert shown(capsys) == []


@pytest.mark.parametrize("width", [20, 80, 300])
def test_nothing_is_cut(capsys: Capture, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """However narrow it is: amounts and Session-Ids are whole, one entry is one line."""
    monkeypatch.setattr(present.out, "width", width)
    present.statement([ENTRY], False)
    present.sessions([replace(SESSION, session_id=b"s" * 255)], False)
    out, _ = capsys.readouterr()
    (entry,) = [line for line in out.splitlines() if "charge U2 10" in line]
    for part in ("3", "2026-01-01T00:00:00.007Z", "0.12", "-0.88", "18.88", "why"):
        assert part in entry
    assert "s" * 255 in out


def test_text_is_not_markup(capsys: Capture) -> None:
    """Brackets in what a client sent are shown, not obeyed."""
    present.sessions([SESSION], False)
    present.statement([ENTRY], False)
    present.topup("1", PostOutcome(PostStatus.REPLAYED, BALANCE, (SESSION,)), False)
    present.done("[x] done", False)
    out, _ = capsys.readouterr()
    for part in ("[bold]a;1", "[red]pgw1", "waits for money", "-0.88", "[x] done", "18.88"):
        assert part in out
    assert "nothing moved again" in out
    present.refusal("[red]no")
    assert capsys.readouterr() == ("", "refused [red]no\n")


def test_subscriber_as_text(capsys: Capture) -> None:
    """Identities, state and amounts; what is not there is a dash."""
    present.subscriber(SUBSCRIBER, BALANCE, False)
    present.subscribers([SUBSCRIBER], False)
    out, _ = capsys.readouterr()
    for part in ("77010000001", "social", "barred", "18.88", "written off", "-"):
        assert part in out


FOUND = ConfigErrors([ConfigError("a.toml", "x.y", "[1]"), ConfigError("b.toml", "z", "2")])


def test_check(capsys: Capture) -> None:
    """Every error with file, key and what was expected; warnings beside; nothing wrong is said so."""
    present.check([FOUND], ["careful"], True)
    assert shown(capsys) == {
        "errors": [
            {"file": "a.toml", "key": "x.y", "expected": "[1]"},
            {"file": "b.toml", "key": "z", "expected": "2"},
        ],
        "warnings": ["careful"],
    }
    present.check([FOUND], ["careful"], False)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "error a.toml: x.y: [1]",
        "error b.toml: z: 2",
        "warning careful",
        "2 error(s)",
    ]
    present.check([], [], False)
    assert capsys.readouterr() == ("configuration and catalogue are in order\n", "")


# --- products --------------------------------------------------------------------------------------

PRODUCT = Product(
    number=2,
    product="pack[a]",
    state=ProductState.UNPAID,
    since=MOMENT,
    due=UtcMillis(MOMENT + 86_400_000),
    buckets=(Bucket("2.sms", "sms", MOMENT, UtcMillis(MOMENT + 1000)), Bucket("2.data", "data")),
)
BARE = Product(3, "live", ProductState.ACTIVE, MOMENT)
OWNER = replace(SUBSCRIBER, products=(PRODUCT, BARE))
STOCK = replace(BALANCE, others={"2.sms": Held(25, 5), "debt": Held(-7), "empty": Held()})


def test_products_as_json(capsys: Capture) -> None:
    """What is left is what may be spent; a bucket nothing was put in has 0, no end is null."""
    present.products(OWNER, STOCK, True)
    first, second = json.loads(capsys.readouterr().out)
    assert first["buckets"] == [
        {"name": "sms", "left": 20, "until": "2026-01-01T00:00:01.007Z"},
        {"name": "data", "left": 0, "until": None},
    ]
    assert (first["number"], first["product"], first["state"]) == (2, "pack[a]", "unpaid")
    assert first["due"] == "2026-01-02T00:00:00.007Z"
    assert (second["product"], second["due"], second["buckets"]) == ("live", None, [])


def test_products_as_a_table(capsys: Capture) -> None:
    """One line for each bucket, names as they are, a dash where there is none."""
    present.products(OWNER, STOCK, False)
    lines = [each for each in capsys.readouterr().out.splitlines() if "│" in each]
    assert len(lines) == 3
    assert "pack[a]" in lines[0] and " 20 " in lines[0] and "data" in lines[1]
    assert lines[2].split("│")[-4:-1] == [" -      ", " -    ", " -                        "]


def test_other_balances_stand_with_the_balance(capsys: Capture) -> None:
    """What is empty is not shown; what is owed is below zero."""
    present.balance("77010000001", STOCK, True)
    shown_others = json.loads(capsys.readouterr().out)["others"]
    assert shown_others == {
        "2.sms": {"left": 20, "reserved": 5},
        "debt": {"left": -7, "reserved": 0},
    }
    present.balance("77010000001", STOCK, False)
    assert "debt" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("amount", "unit", "shown_as"),
    [
        (7, "", "7"),
        (-7, "", "-7"),
        (12_500_000, "money", "12.50"),
        (-235_000_000, "money", "-235.00"),
        (0, "seconds", "0:00:00"),
        (59, "seconds", "0:00:59"),
        (90_061, "seconds", "25:01:01"),
        (0, "octets", "0 B"),
        (1023, "octets", "1023 B"),
        (1024, "octets", "1 KB"),
        (1_572_864, "octets", "1.50 MB"),
        (1_073_741_823, "octets", "1023.99 MB"),  # not a whole one, and never shown as one
        (-3 * 1_073_741_824, "octets", "-3 GB"),
        (25, "events", "25 events"),
        (25, "points", "25 points"),
    ],
)
def test_quantities(amount: int, unit: str, shown_as: str) -> None:
    """As people read them; what nothing is known of stands as it is."""
    assert present.quantity(amount, unit) == shown_as


def test_other_balances_are_shown_in_their_units(capsys: Capture) -> None:
    """Of what the unit is known; JSON keeps the exact numbers."""
    stock = replace(BALANCE, others={"2.talk": Held(4000, 400), "debt": Held(-7_000_000)})
    units = {"2.talk": "seconds", "debt": "money"}
    present.balance("77010000001", stock, False, units)
    lines = [each.split() for each in capsys.readouterr().out.splitlines()]
    assert ["│", "2.talk", "│", "1:00:00", "│", "0:06:40", "│"] in lines
    assert ["│", "debt", "│", "-7.00", "│", "0.00", "│"] in lines
    present.balance("77010000001", stock, True, units)
    assert json.loads(capsys.readouterr().out)["others"]["2.talk"] == {
        "left": 3600,
        "reserved": 400,
    }


def test_an_entry_says_what_moved_besides_main_money(capsys: Capture) -> None:
    """Each balance with its change and what it was afterwards."""
    present.statement([replace(ENTRY, moves=(Move("2.sms", -1, 5, 24, 5),))], True)
    (entry,) = json.loads(capsys.readouterr().out)
    assert entry["moves"] == [
        {"balance": "2.sms", "amount": -1, "reserved": 5, "after": 24, "after_reserved": 5}
    ]


def test_codes_of_vouchers(capsys: Capture) -> None:
    """One a line, or a list."""
    present.vouchers(["0000000000000001", "2"], False)
    assert capsys.readouterr().out == "0000000000000001\n2\n"
    present.vouchers(["0000000000000001"], True)
    assert json.loads(capsys.readouterr().out) == ["0000000000000001"]
