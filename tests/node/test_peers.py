"""Nobody is let in but those who are listed, and a refusal tells the lines that would list them."""

import tomllib
from pathlib import Path

import pytest
from structlog.typing import EventDict

from ocs.config import load
from ocs.node.peers import ADDRESSES_REMEMBERED, LOG_SECONDS, Kind, PeerConfig, Peers
from ocs.node_settings import peers_of

PGW, REALM = "pgw1.example.net", "example.net"


def entry(
    identity: str = PGW,
    *addresses: str,
    realm: str = REALM,
    kind: Kind = "client",
    realms: tuple[str, ...] = (),
) -> PeerConfig:
    return PeerConfig(identity, addresses, realm, kind, realms)


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


# --- who is admitted ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "realm", "address"),
    [
        ("pgw2.example.net", REALM, "192.0.2.10"),  # another identity
        ("pgw1.example.net.evil", REALM, "192.0.2.10"),  # no prefix is enough
        ("", REALM, "192.0.2.10"),
        (PGW, "example.org", "192.0.2.10"),  # another realm
        (PGW, "", "192.0.2.10"),
        (PGW, REALM, "192.0.3.1"),  # one behind the range
        (PGW, REALM, "192.0.1.255"),  # one before it
        (PGW, REALM, "2001:db8:1::1"),  # the other family's range does not hold it
        (PGW, REALM, "127.0.0.1"),  # the loopback is no exception
    ],
)
def test_the_unlisted_is_refused(host: str, realm: str, address: str) -> None:
    """Identity, realm and address must all be those of one entry."""
    peers = Peers[str]([entry(PGW, "192.0.2.0/24", "2001:db8::/48")])
    assert not peers.admits(host, realm, address)


@pytest.mark.parametrize(
    ("host", "realm", "address"),
    [
        (PGW, REALM, "192.0.2.0"),
        (PGW, REALM, "192.0.2.255"),
        (PGW, REALM, "2001:db8::ffff"),
        (PGW, REALM, "fe80::1%eth0"),  # a link-local source has its scope behind it
        ("PGW1.Example.NET", "EXAMPLE.net", "192.0.2.7"),  # RFC 6733, 4.3.1: case does not count
    ],
)
def test_the_listed_is_admitted(host: str, realm: str, address: str) -> None:
    """Every address of each range, in any case of the names."""
    peers = Peers[str]([entry("Pgw1.example.net", "192.0.2.0/24", "2001:db8::/48", "fe80::/10")])
    assert peers.admits(host, realm, address)


def test_an_entry_without_addresses_is_from_anywhere() -> None:
    """The realm still counts."""
    peers = Peers[str]([entry()])
    assert peers.admits(PGW, REALM, "198.51.100.1")
    assert not peers.admits(PGW, "example.org", "198.51.100.1")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.10", "::1"])
def test_loopback_lets_the_unknown_in_from_here(address: str) -> None:
    """allow_unknown_peers = "loopback": any address of it, and only with that setting."""
    assert Peers[str]([], "loopback").admits("new.example", "any.example", address)
    assert not Peers[str]([], False).admits("new.example", "any.example", address)


def test_loopback_lets_nobody_in_from_elsewhere_or_under_a_listed_name() -> None:
    """A listed identity is bound to its entry, also on the loopback."""
    peers = Peers[str]([entry(PGW, "192.0.2.0/24")], "loopback")
    assert not peers.admits("new.example", REALM, "192.0.2.1")
    assert not peers.admits(PGW, REALM, "127.0.0.1")


# --- the line about a refusal -------------------------------------------------------------------------


def admitted_by(lines: str, folder: Path) -> Peers[object]:
    """The peers of a configuration file with these lines."""
    path = folder / "ocs.toml"
    path.write_text(lines)
    return peers_of(load(path, {}))  # type: ignore[return-value]  # no connection is looked at


def test_the_lines_admit_the_unknown_peer(tmp_path: Path, lines: list[EventDict]) -> None:
    """What is logged is a configuration: with it the same peer gets in, and nobody else."""
    Peers[str]([]).log_refusal(PGW, REALM, "192.0.2.10")
    (line,) = lines
    assert (line["event"], line["log_level"]) == ("unknown peer refused", "warning")
    assert (line["origin_host"], line["address"]) == (PGW, "192.0.2.10")
    peers = admitted_by(line["to_admit"], tmp_path)
    assert peers.admits(PGW, REALM, "192.0.2.10")
    assert not peers.admits(PGW, REALM, "192.0.2.11")
    assert not peers.admits(PGW, "example.org", "192.0.2.10")


@pytest.mark.parametrize(
    ("listed", "realm", "address", "expected"),
    [
        # From another address: it is added to those that are listed.
        (entry(PGW, "192.0.2.0/24"), REALM, "198.51.100.1", ["192.0.2.0/24", "198.51.100.1"]),
        # Of another realm, from a listed address: the addresses stay.
        (entry(PGW, "192.0.2.0/24"), "example.org", "192.0.2.1", ["192.0.2.0/24"]),
        # Of another realm, from anywhere: still from anywhere.
        (entry(PGW), "example.org", "192.0.2.1", None),
    ],
)
def test_the_lines_of_a_listed_peer_are_its_whole_entry(
    tmp_path: Path,
    lines: list[EventDict],
    listed: PeerConfig,
    realm: str,
    address: str,
    expected: list[str] | None,
) -> None:
    """An identity has one entry: the lines take its place, and what it allowed before stays allowed."""
    peers = Peers[str]([listed])
    assert not peers.admits(PGW, realm, address)
    peers.log_refusal(PGW, realm, address)
    (line,) = lines
    assert line["event"] == "peer refused: its entry has another address or realm"
    (found,) = tomllib.loads(line["to_admit"])["peers"]
    assert found.get("addresses") == expected
    assert admitted_by(line["to_admit"], tmp_path).admits(PGW, realm, address)


def test_a_relay_stays_one_in_the_lines(lines: list[EventDict]) -> None:
    """Without its kind no request would be sent through it any more."""
    Peers[str]([entry(kind="relay")]).log_refusal(PGW, "example.org", "192.0.2.1")
    (found,) = tomllib.loads(lines[0]["to_admit"])["peers"]
    assert found == {"identity": PGW, "realm": "example.org", "kind": "relay"}


@pytest.mark.parametrize(
    "name",
    [
        'x" realm = "y',
        'a" addresses = ["0.0.0.0/0"] #',
        "back\\slash",
        "x]]\\n[[peers]] identity",
        "''' \"\"\"",
    ],
)
def test_what_a_peer_calls_itself_stays_inside_its_string(
    name: str, lines: list[EventDict]
) -> None:
    """A name is a value in the lines, whatever it looks like: nobody writes configuration by a CER."""
    Peers[str]([]).log_refusal(name, name, "192.0.2.1")
    parsed = tomllib.loads(lines[0]["to_admit"])
    assert parsed == {"peers": [{"identity": name, "realm": name, "addresses": ["192.0.2.1"]}]}


def test_a_scope_is_left_off_in_the_lines(tmp_path: Path, lines: list[EventDict]) -> None:
    """A network has no scope, and the configuration would refuse one."""
    Peers[str]([]).log_refusal(PGW, REALM, "fe80::1%eth0")
    assert admitted_by(lines[0]["to_admit"], tmp_path).admits(PGW, REALM, "fe80::1%eth1")


def test_an_address_is_logged_once_a_minute(lines: list[EventDict]) -> None:
    """Whatever names it uses; another address has its own line; strangers and refusals do not share."""
    clock = Clock()
    peers = Peers[str]([], clock=clock)
    peers.log_refusal("a.example", REALM, "192.0.2.1")
    peers.log_refusal("b.example", REALM, "192.0.2.1")
    clock.now = LOG_SECONDS - 0.001
    peers.log_refusal("c.example", REALM, "192.0.2.1")
    assert [line["origin_host"] for line in lines] == ["a.example"]
    peers.log_refusal("d.example", REALM, "192.0.2.2")
    peers.log_stranger("192.0.2.1", "no CER in time")
    peers.log_stranger("192.0.2.1", "protocol error")
    clock.now = LOG_SECONDS
    peers.log_refusal("e.example", REALM, "192.0.2.1")
    assert [line.get("origin_host") or line["reason"] for line in lines] == [
        "a.example", "d.example", "no CER in time", "e.example",
    ]  # fmt: skip


def test_what_is_remembered_of_addresses_is_bounded(lines: list[EventDict]) -> None:
    """The address that was logged longest ago is forgotten first, and only beyond the bound."""
    clock = Clock()
    peers = Peers[str]([], clock=clock)
    for number in range(ADDRESSES_REMEMBERED):
        peers.log_stranger(f"10.0.{number >> 8}.{number & 255}", "flood")
    assert len(lines) == ADDRESSES_REMEMBERED
    peers.log_stranger("10.0.0.0", "flood")  # still remembered
    assert len(lines) == ADDRESSES_REMEMBERED
    peers.log_stranger("192.0.2.1", "flood")  # one too many: 10.0.0.0 goes
    peers.log_stranger("10.0.0.0", "flood")
    assert [line["address"] for line in lines[ADDRESSES_REMEMBERED:]] == ["192.0.2.1", "10.0.0.0"]


# --- by which connection ------------------------------------------------------------------------------


def test_labels_are_those_of_the_configuration() -> None:
    """A metric does not grow with what peers send (the case is the configuration's)."""
    peers = Peers[str]([entry("Pgw1.example.net")])
    assert peers.label("pgw1.EXAMPLE.net") == "Pgw1.example.net"
    assert peers.label("pgw2.example.net") == "other"


def test_without_a_path_there_is_no_route() -> None:
    """Neither an unknown name, nor another client's connection, nor an unlisted one will do."""
    peers = Peers[str]([entry(), entry("dra.example", kind="relay")], "loopback")
    assert peers.route("", "", "") is None
    peers.opened("pgw2.example.net", "client")
    peers.opened("unlisted.example", "unlisted")
    assert peers.route(PGW, PGW, REALM) is None


def test_a_route_prefers_the_last_ccrs_peer_then_its_own_then_a_relay() -> None:
    """RAR and ASR go where the session's last CCR came from as long as that is there."""
    peers = Peers[str]([entry(), entry("Dra1.example", kind="relay"), entry("d2", kind="relay")])
    peers.opened("D2", "second relay")
    assert peers.route("dra1.example", PGW, REALM) == "second relay"
    peers.opened("PGW1.example.net", "own")
    assert peers.route("dra1.example", PGW, REALM) == "own"
    peers.opened("dra1.EXAMPLE", "first relay")
    assert peers.route("DRA1.example", PGW, REALM) == "first relay"
    assert peers.route("gone.example", "gone.example", REALM) == "second relay"  # the oldest


def test_a_relay_that_does_not_speak_for_a_realm_gets_none_of_its_requests() -> None:
    """An operator's session is nothing to another operator's relay."""
    peers = Peers[str](
        [
            entry("d1", kind="relay"),
            entry("d2", kind="relay", realms=("Roaming.example",)),
            entry("d3", kind="relay", realms=("*",)),
        ]
    )
    peers.opened("d1", "home")
    peers.opened("d2", "roaming")
    assert peers.route("gone", "gone", "third.example") is None
    assert peers.route("gone", "gone", "ROAMING.example") == "roaming"
    peers.opened("d3", "hub")
    assert peers.route("gone", "gone", "third.example") == "hub"


# --- whose requests -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("listed", "host", "realm"),
    [
        # A client: nobody else, of its own realm or of another.
        (entry(), "pgw2.example.net", REALM),
        (entry(), "pgw1.example.net.evil", REALM),
        (entry(), "", REALM),
        (entry(), "*", "*"),
        # Realms are a relay's.
        (entry(realms=("example.org",)), "smf.example.org", "example.org"),
        # A relay without realms: not those of another one.
        (entry(kind="relay"), "smf.example.org", "example.org"),
        (entry(kind="relay"), PGW, "sub.example.net"),
        (entry(kind="relay"), PGW, ""),
        # With realms: only these, its own not among them.
        (entry(kind="relay", realms=("a.example", "b.example")), PGW, REALM),
        (entry(kind="relay", realms=("a.example", "b.example")), "x.c.example", "c.example"),
    ],
)
def test_requests_of_others_are_not_covered(listed: PeerConfig, host: str, realm: str) -> None:
    """A peer may bring requests of its own host or, for a relay, of the realms configured for it."""
    assert not Peers[str]([listed], "loopback").mandate(PGW).covers(host, realm)


@pytest.mark.parametrize(
    ("listed", "host", "realm"),
    [
        (entry(), "PGW1.example.NET", REALM),
        (entry(), PGW, "elsewhere.example"),  # whose realm it names is no matter
        (entry(kind="relay"), "smf.any.example", "EXAMPLE.net"),
        (entry(kind="relay", realms=("a.example", "B.example")), "x", "b.EXAMPLE"),
        (entry(kind="relay", realms=("*",)), "x", "any.example"),
    ],
)
def test_requests_that_are_covered(listed: PeerConfig, host: str, realm: str) -> None:
    """In any case of the letters (RFC 6733, 4.3.1)."""
    assert Peers[str]([listed]).mandate(PGW.upper()).covers(host, realm)


def test_an_unlisted_peer_is_a_relay_for_everybody() -> None:
    """It is on the loopback, where things are tried out."""
    mandate = Peers[str]([entry()], "loopback").mandate("seagull.example")
    assert mandate.kind == "relay"
    assert mandate.covers("any.host", "any.realm")


@pytest.mark.parametrize(
    ("listed", "covered"),
    [
        (entry(PGW, "192.0.2.1"), "smf.example.org"),  # a client that is a relay in truth
        (entry(PGW, "192.0.2.1", kind="relay"), PGW),
        (entry(PGW, "192.0.2.1", kind="relay", realms=("a.example",)), "smf.a.example"),
    ],
)
def test_the_lines_let_a_foreign_request_in(
    tmp_path: Path, lines: list[EventDict], listed: PeerConfig, covered: str
) -> None:
    """One line a minute for each address; with its lines this realm is covered too."""
    clock = Clock()
    peers = Peers[str]([listed], clock=clock)
    for now in (0.0, 59.9, 60.0):
        clock.now = now
        peers.log_foreign(PGW, "smf.example.org", "example.org", "192.0.2.1")
    line, _ = lines
    assert (line["event"], line["log_level"]) == (
        "request refused: its origin is not this peer's", "warning",
    )  # fmt: skip
    assert (line["peer"], line["origin_host"]) == (PGW, "smf.example.org")
    admitted = admitted_by(line["to_admit"], tmp_path)
    assert admitted.admits(PGW, REALM, "192.0.2.1")
    assert admitted.mandate(PGW).covers("smf.example.org", "example.org")
    before = (listed.realms or (listed.realm,)) if listed.kind == "relay" else ()
    for realm in before:
        assert admitted.mandate(PGW).covers(covered, realm)


def test_an_unlisted_peer_has_no_foreign_requests(lines: list[EventDict]) -> None:
    """There is no entry that the lines could change."""
    Peers[str]([], "loopback").log_foreign("seagull.example", "h", "r", "127.0.0.1")
    assert lines == []


def test_a_newer_connection_of_an_identity_stays() -> None:
    """The old one's end does not take the new one away."""
    peers = Peers[str]([])
    assert peers.current(PGW) is None
    peers.opened(PGW, "old")
    peers.opened("PGW1.example.net", "new")
    peers.closed(PGW, "old")
    assert peers.current(PGW) == "new"
    peers.closed("pgw1.EXAMPLE.net", "new")
    assert peers.current(PGW) is None
    peers.closed(PGW, "new")  # twice is no error
