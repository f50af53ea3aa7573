"""Who may connect, and by which connection a client is reached.

Default deny: a peer is known by its Origin-Host and the address it comes from. A refusal says which lines
of configuration would admit it.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import structlog

#: Addresses whose refusal was logged lately: one line a minute each, and no more memory than this.
REFUSALS_REMEMBERED = 1000
REFUSAL_LOG_SECONDS = 60.0
#: The label of everybody who is not configured: a metric must not grow with what peers send.
OTHER = "other"

log = structlog.get_logger()

Kind = Literal["client", "relay"]
C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class PeerConfig:
    """One `[[peers]]` entry; no addresses: from anywhere."""

    identity: str
    addresses: tuple[str, ...]
    realm: str
    kind: Kind = "client"


class Peers(Generic[C]):
    """The configured peers, and the open connections (of any type `C`) by identity."""

    def __init__(
        self,
        configured: Sequence[PeerConfig],
        allow_unknown: Literal["loopback"] | bool = False,
        clock: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._configured = {each.identity.lower(): each for each in configured}
        self._networks = {
            each.identity.lower(): [ipaddress.ip_network(a, strict=False) for a in each.addresses]
            for each in configured
        }
        self._allow_unknown = allow_unknown
        self._clock = clock
        self._open: dict[str, C] = {}
        self._refused: OrderedDict[str, float] = OrderedDict()

    def admits(self, origin_host: str, address: str) -> bool:
        """Whether this identity may connect from this address."""
        key, source = origin_host.lower(), ipaddress.ip_address(address.partition("%")[0])
        if key in self._configured:
            networks = self._networks[key]
            if not networks or any(source in each for each in networks):
                return True
        elif self._allow_unknown and source.is_loopback:
            return True
        return False

    def log_refusal(self, origin_host: str, origin_realm: str, address: str) -> None:
        """One line, at most once a minute for each address, with the lines that would admit the peer."""
        now = self._clock()
        if now - self._refused.get(address, -REFUSAL_LOG_SECONDS) < REFUSAL_LOG_SECONDS:
            return
        self._refused[address] = now
        if len(self._refused) > REFUSALS_REMEMBERED:
            self._refused.popitem(last=False)
        log.warning(
            "unknown peer refused",
            origin_host=origin_host,
            address=address,
            to_admit=admitting_lines(origin_host, origin_realm, address),
        )

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

    def route(self, peer: str, origin_host: str) -> C | None:
        """The connection for a request to a client: the one its session's last CCR came by, else its
        own, else any relay's."""
        for name in (peer, origin_host):
            found = self._open.get(name.lower())
            if found is not None:
                return found
        for name, found in self._open.items():
            if name in self._configured and self._configured[name].kind == "relay":
                return found
        return None


def admitting_lines(origin_host: str, origin_realm: str, address: str) -> str:
    """The configuration that would admit a peer, as TOML."""
    return (
        (
            f'[[peers]] identity = "{quoted(origin_host)}" realm = "{quoted(origin_realm)}" '
            f'addresses = ["{address}"]'
        )
        .replace("]] ", "]]\n")
        .replace('" realm', '"\nrealm')
        .replace('" addresses', '"\naddresses')
    )


def quoted(text: str) -> str:
    """Text of a peer inside a TOML string."""
    return text.replace("\\", "\\\\").replace('"', '\\"')
