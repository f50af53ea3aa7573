"""Certificates of an operator's CA, made for one test run."""

import ssl
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import trustme

from ocs.node.tls import server_context
from tests.node.harness import HOST

YESTERDAY = datetime.now(UTC) - timedelta(days=1)


@cache
def authority(name: str) -> trustme.CA:
    """A CA; each name is one of its own."""
    return trustme.CA(organization_name=name)


def written(folder: Path) -> tuple[Path, Path, Path]:
    """The server's certificate, its key and the CA, as files."""
    made = authority("operator").issue_cert(HOST)
    paths = folder / "server.pem", folder / "server.key", folder / "ca.pem"
    for path, content in zip(
        paths,
        (made.cert_chain_pems[0], made.private_key_pem, authority("operator").cert_pem),
        strict=True,
    ):
        content.write_to_path(str(path))
    paths[1].chmod(0o600)
    return paths


def server(folder: Path) -> ssl.SSLContext:
    """What the node listens with."""
    return server_context(*written(folder))


def client(
    *names: str,
    common_name: str | None = None,
    expires: datetime | None = None,
    ca: str = "operator",
) -> ssl.SSLContext:
    """What a peer with these names connects with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority("operator").configure_trust(context)
    made = authority(ca).issue_cert(*names, common_name=common_name, not_after=expires)
    made.configure_cert(context)
    return context


def nobody() -> ssl.SSLContext:
    """Somebody who trusts the CA and has no certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority("operator").configure_trust(context)
    return context
