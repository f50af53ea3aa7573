"""Who may connect and for whom it may speak, and by which connection a client is reached.

Default deny: a peer is known by its Origin-Host, its Origin-Realm and the address it comes from. A refusal
says which lines of configuration would admit it.
"""

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Literal, TypeVar

import structlog

#: Addresses that were logged lately: one line a minute each, and no more memory than this.
ADDRESSES_REMEMBERED = 1000
LOG_SECONDS = 60.0
#: The label of everybody who is not configured: a metric must not grow with what peers send.
OTHER = "other"

log = structlog.get_logger()

#: In the place of realms: every one.
ANY = "*"

Kind = Literal["client", "relay"]
C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class PeerConfig:
    """One `[[peers]]` entry; no addresses: from anywhere. A relay without realms speaks for its own."""

    identity: str
    addresses: tuple[str, ...]
    realm: str
    kind: Kind = "client"
    realms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mandate:
    """Whose requests a peer may bring: a client its own, a relay those of clients in its realms."""

    kind: Kind
    names: frozenset[str]  # in lower case: the client's identity, the relay's realms

    def covers(self, origin_host: str, origin_realm: str) -> bool:
        """Whether a request with this origin is this peer's to bring."""
        name = origin_host if self.kind == "client" else origin_realm
        return name.lower() in self.names or ANY in self.names


#: Peers that no entry names are let in for trying things out on one machine only.
UNLISTED = Mandate("relay", frozenset({ANY}))


class Peers(Generic[C]):
    """The configured peers, and the open connections (of any type `C`) by identity."""

    def __init__(
        self,
        configured: Sequence[PeerConfig],
        allow_unknown: Literal["loopback"] | bool = False,
        clock: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._configured = {each.identity.lower(): each for each in configured}
        self._mandates = {name: mandate_of(each) for name, each in self._configured.items()}
        self._networks = {
            each.identity.lower(): [ipaddress.ip_network(a, strict=False) for a in each.addresses]
            for each in configured
        }
        self._allow_unknown = allow_unknown
        self._clock = clock
        self._open: dict[str, C] = {}
        self._logged: OrderedDict[tuple[str, str], float] = OrderedDict()

    def admits(self, origin_host: str, origin_realm: str, address: str) -> bool:
        """Whether this identity of this realm may connect from this address."""
        known = self._configured.get(origin_host.lower())
        if known is None:
            return bool(self._allow_unknown) and _ip(address).is_loopback
        return known.realm.lower() == origin_realm.lower() and self._is_from(known, address)

    def _is_from(self, known: PeerConfig, address: str) -> bool:
        networks = self._networks[known.identity.lower()]
        return not networks or any(_ip(address) in each for each in networks)

    def log_refusal(self, origin_host: str, origin_realm: str, address: str) -> None:
        """One line a minute for each address, with the lines that would admit the peer."""
        if not self._is_due("refusal", address):
            return
        known = self._configured.get(origin_host.lower())
        if known is None:
            event = "unknown peer refused"
            entry = PeerConfig(origin_host, (str(_ip(address)),), origin_realm)
        else:
            event = "peer refused: its entry has another address or realm"
            entry = replace(known, realm=origin_realm)
            if not self._is_from(known, address):
                entry = replace(entry, addresses=(*known.addresses, str(_ip(address))))
        log.warning(event, origin_host=origin_host, address=address, to_admit=toml(entry))

    def mandate(self, identity: str) -> Mandate:
        """Whose requests an admitted peer may bring."""
        return self._mandates.get(identity.lower(), UNLISTED)

    def log_foreign(self, peer: str, origin_host: str, origin_realm: str, address: str) -> None:
        """One line a minute for each address that brings requests of others' clients."""
        known = self._configured.get(peer.lower())
        if known is None or not self._is_due("foreign", address):
            return
        realms = (known.realms or (known.realm,)) if known.kind == "relay" else ()
        entry = replace(known, kind="relay", realms=(*realms, origin_realm))
        log.warning(
            "request refused: its origin is not this peer's",
            peer=peer,
            origin_host=origin_host,
            origin_realm=origin_realm,
            to_admit=toml(entry),
        )

    def log_stranger(self, address: str, reason: str) -> None:
        """One line a minute for each address about connections that never became a peer's."""
        if self._is_due("stranger", address):
            log.info("connection of a stranger closed", address=address, reason=reason)

    def _is_due(self, kind: str, address: str) -> bool:
        """Whether a line of this kind about this address may be logged now."""
        key, now = (kind, address), self._clock()
        if now - self._logged.get(key, -math.inf) < LOG_SECONDS:
            return False
        self._logged[key] = now
        self._logged.move_to_end(key)
        if len(self._logged) > ADDRESSES_REMEMBERED:
            self._logged.popitem(last=False)
        return True

    def label(self, origin_host: str) -> str:
        """The name of a peer in metrics."""
        known = self._configured.get(origin_host.lower())
        return known.identity if known is not None else OTHER

    def current(self, origin_host: str) -> C | None:
        """The open connection of this identity."""
        return self._open.get(origin_host.lower())

    def opened(self, origin_host: str, connection: C) -> None:
        """From now on this identity is reached here."""
        self._open[origin_host.lower()] = connection

    def closed(self, origin_host: str, connection: C) -> None:
        """This connection is gone; a newer one of the same identity stays."""
        if self._open.get(origin_host.lower()) is connection:
            del self._open[origin_host.lower()]

    def route(self, peer: str, origin_host: str, origin_realm: str) -> C | None:
        """The connection for a request to a client: the one its session's last CCR came by, else its
        own, else that of any relay that speaks for its realm."""
        for name in (peer, origin_host):
            found = self._open.get(name.lower())
            if found is not None:
                return found
        for name, found in self._open.items():
            mandate = self._mandates.get(name)
            if mandate is None or mandate.kind == "client":
                continue
            if mandate.covers(origin_host, origin_realm):
                return found
        return None


def mandate_of(entry: PeerConfig) -> Mandate:
    """What an entry of the configuration allows."""
    names = (entry.identity,) if entry.kind == "client" else entry.realms or (entry.realm,)
    return Mandate(entry.kind, frozenset(each.lower() for each in names))


def _ip(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address of a socket, without its scope."""
    return ipaddress.ip_address(address.partition("%")[0])


def toml(entry: PeerConfig) -> str:
    """The lines of configuration that make this entry."""
    lines = [f"identity = {quoted(entry.identity)}", f"realm = {quoted(entry.realm)}"]
    if entry.addresses:
        lines.append(f"addresses = [{', '.join(map(quoted, entry.addresses))}]")
    if entry.kind != "client":
        lines.append(f"kind = {quoted(entry.kind)}")
    if entry.realms:
        lines.append(f"realms = [{', '.join(map(quoted, entry.realms))}]")
    return "\n".join(["[[peers]]", *lines])


def quoted(text: str) -> str:
    """Text of a peer as a TOML string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
