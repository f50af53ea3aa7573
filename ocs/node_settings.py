"""The configuration as the node's own settings: who a worker is, where it listens, whom it lets in."""

import time
from pathlib import Path

from ocs.config import Config, ConfigError, ConfigErrors
from ocs.node.connection import Connection
from ocs.node.peers import PeerConfig, Peers
from ocs.node.server import NodeSettings, TlsSettings
from ocs.node.tls import server_context
from ocs.store.check import Epoch


def node_settings(config: Config, index: int, epoch: Epoch) -> NodeSettings:
    """What worker `index` is to its peers."""
    diameter = config.diameter
    return NodeSettings(
        origin_host=worker_identity(diameter.identity, index),
        origin_realm=diameter.realm,
        listen=tuple(map(str, diameter.listen)),
        port=diameter.port + index if diameter.port else 0,
        served_realms=frozenset({diameter.realm, *diameter.served_realms}),
        origin_state_id=epoch.origin_state_id,
        product=diameter.product,
        watchdog_seconds=diameter.watchdog_seconds,
        tls=tls_of(config, index),
    )


def tls_of(config: Config, index: int) -> TlsSettings | None:
    """Where worker `index` listens for TLS; ConfigErrors for files that cannot be used."""
    tls = config.diameter.tls
    if tls is None:
        return None
    try:
        context = server_context(Path(tls.certificate), Path(tls.key), Path(tls.ca))
    except OSError as error:  # ssl.SSLError is one
        expected = f"a certificate, its key and a CA, all in PEM: {error}"
        raise ConfigErrors([ConfigError(tls.certificate, "diameter.tls", expected)]) from error
    return TlsSettings(context, tuple(map(str, tls.listen)), tls.port + index if tls.port else 0)


def peers_of(config: Config) -> Peers[Connection]:
    """The peer directory of the configuration."""
    return Peers(
        [
            PeerConfig(
                identity=each.identity,
                addresses=tuple(map(str, each.addresses)),
                realm=each.realm,
                kind=each.kind,
                realms=each.realms,
            )
            for each in config.peers
        ],
        config.diameter.allow_unknown_peers,
        time.monotonic,
    )


def worker_identity(identity: str, index: int) -> str:
    """Worker 0 keeps the configured name; the others get their number behind the first label."""
    if index == 0:
        return identity
    label, dot, rest = identity.partition(".")
    return f"{label}-{index}{dot}{rest}"
