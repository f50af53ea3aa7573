"""TLS before Diameter: who is refused, and that nothing is read before both sides have shown themselves."""

import asyncio
import socket
import ssl
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from structlog.typing import EventDict

from ocs.diameter.framing import CER, Framer, parse_header
from ocs.node import connection, server as node_server, tls
from ocs.node.contract import Handler
from ocs.node.server import TlsSettings
from ocs.node.tls import server_context
from tests.node import certificates
from tests.node.harness import (
    HOST,
    PATIENCE_SECONDS,
    PGW,
    SETTINGS,
    Held,
    Running,
    Wire,
    cer,
    grant,
    number_of,
    result_code,
    running,
)
from tests.support.messages import plain_ccr

CERTIFICATE, KEY, AUTHORITY = range(3)
T = TypeVar("T")


@asynccontextmanager
async def secured(
    folder: Path, handler: Handler = grant, listen: tuple[str, ...] = ("127.0.0.1",)
) -> AsyncIterator[Running]:
    """A node that listens with and without TLS."""
    settings = replace(
        SETTINGS, listen=listen, tls=TlsSettings(certificates.server(folder), port=0)
    )
    async with running(handler, settings=settings) as node:
        yield node


def strangers(lines: list[EventDict]) -> list[str]:
    """Why connections were closed that were no peer's."""
    return [each["reason"] for each in lines if each["event"] == "connection of a stranger closed"]


def messages_in(data: bytes) -> list[bytes]:
    """The Diameter messages in octets; none in an alert of TLS."""
    return Framer().feed(data)


# --- the files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [CERTIFICATE, KEY, AUTHORITY])
def test_files_that_are_not_there(tmp_path: Path, missing: int) -> None:
    """Each of them is needed."""
    paths = [*certificates.written(tmp_path)]
    paths[missing] = tmp_path / "none"
    with pytest.raises(FileNotFoundError):
        server_context(*paths)


@pytest.mark.parametrize("spoiled", [CERTIFICATE, KEY, AUTHORITY])
def test_files_that_are_no_pem(tmp_path: Path, spoiled: int) -> None:
    """An SSLError, which is an OSError."""
    paths = certificates.written(tmp_path)
    paths[spoiled].write_text("not PEM\n")
    with pytest.raises(ssl.SSLError):
        server_context(*paths)


def test_a_key_of_another_certificate(tmp_path: Path) -> None:
    """Found at the start and not at the first handshake."""
    paths = certificates.written(tmp_path)
    certificates.authority("operator").issue_cert(HOST).private_key_pem.write_to_path(
        str(paths[KEY])
    )
    with pytest.raises(ssl.SSLError):
        server_context(*paths)


def test_a_key_with_a_password_asks_nobody(tmp_path: Path) -> None:
    """A server has no terminal; without this the library would read one."""
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        PrivateFormat,
        load_pem_private_key,
    )

    paths = certificates.written(tmp_path)
    plain = load_pem_private_key(paths[KEY].read_bytes(), None)
    encryption = BestAvailableEncryption(b"secret")
    paths[KEY].write_bytes(plain.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    with pytest.raises(ssl.SSLError):
        server_context(*paths)


def test_the_context_is_mutual_and_new_enough(tmp_path: Path) -> None:
    """RFC 6733, 13.1: both sides authenticate; RC4 and 3DES are gone, 1.3 is there."""
    context = certificates.server(tmp_path)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.maximum_version is ssl.TLSVersion.MAXIMUM_SUPPORTED
    assert context.options & ssl.OP_NO_RENEGOTIATION
    names = {each["name"] for each in context.get_ciphers()}
    assert not [each for each in names if "RC4" in each or "3DES" in each or "DES-CBC" in each]


# --- who is refused -----------------------------------------------------------------------------------


def too_old() -> ssl.SSLContext:
    """A right certificate, and TLS 1.1 at most."""
    context = certificates.client(PGW)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")  # or the client would refuse itself
    return context


@pytest.mark.parametrize(
    ("context", "reason"),
    [
        (lambda: certificates.client(PGW, ca="another"), "unable to get local issuer certificate"),
        (
            lambda: certificates.client(PGW, expires=certificates.YESTERDAY),
            "certificate has expired",
        ),
        (certificates.nobody, "PEER_DID_NOT_RETURN_A_CERTIFICATE"),
        (too_old, "UNSUPPORTED_PROTOCOL"),
    ],
    ids=["wrong CA", "expired", "no certificate", "TLS 1.1"],
)
async def test_a_handshake_that_fails(
    tmp_path: Path,
    context: Callable[[], ssl.SSLContext],
    reason: str,
    lines: list[EventDict],
) -> None:
    """Closed without a message, with one line that says why; a peer is served all the same."""
    async with secured(tmp_path) as node:
        heard = b""
        try:
            async with Wire(node, context=context()) as wire:
                wire.send(cer())
                heard = await wire.rest()
        except OSError:
            pass  # the client noticed first
        assert heard == b""
        await node.reaches(
            "ocs_diameter_disconnects_total", 1, peer="other", cause="TLS handshake failed"
        )
        assert strangers(lines) == [f"TLS handshake failed: {reason}"]
        assert node.count("ocs_diameter_messages_total", direction="in", command="CER") == 0
        async with Wire(node, context=certificates.client(PGW)) as right:
            assert result_code(await right.hello()) == 2001


@pytest.mark.parametrize(
    ("names", "common_name"),
    [
        (("pgw2.example.net",), None),
        (("*.example.net",), None),  # a name is one peer
        (("example.net",), None),
        (("pgw1.example.net.evil",), None),
        (("pgw2.example.net",), PGW),  # the common name has no meaning (RFC 6125, 2.3)
    ],
)
async def test_the_certificate_of_somebody_else(
    tmp_path: Path, names: tuple[str, ...], common_name: str | None, lines: list[EventDict]
) -> None:
    """CEA 3010 and the end: signed by the right CA is not enough."""
    async with secured(tmp_path) as node:
        context = certificates.client(*names, common_name=common_name)
        async with Wire(node, context=context) as wire:
            assert result_code(await wire.hello()) == 3010
            assert await wire.rest() == b""
        assert strangers(lines) == [f"the certificate names another host than {PGW}"]
        assert node.closed("the certificate names another host") == 1


async def test_plain_text_at_the_port_of_tls(tmp_path: Path, lines: list[EventDict]) -> None:
    """Not read as Diameter: no CEA comes back, and one line tells."""
    async with secured(tmp_path) as node:
        async with Wire(node, port=node.node.tls_port) as wire:
            wire.send(cer())
            assert messages_in(await wire.rest()) == []
        await node.reaches(
            "ocs_diameter_disconnects_total", 1, peer="other", cause="TLS handshake failed"
        )
        (reason,) = strangers(lines)
        assert reason.startswith("TLS handshake failed: ")
        assert node.count("ocs_diameter_messages_total", direction="in", command="CER") == 0


async def test_tls_at_the_port_of_plain_text(tmp_path: Path, lines: list[EventDict]) -> None:
    """No message of Diameter begins like that."""
    async with secured(tmp_path) as node:
        context = certificates.client(PGW)
        with pytest.raises(OSError):
            async with Wire(node, context=context, port=node.port):
                pass
        await node.reaches(
            "ocs_diameter_disconnects_total", 1, peer="other", cause="protocol error"
        )
        assert len(strangers(lines)) == 1


async def test_silence_in_the_handshake_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[EventDict]
) -> None:
    """10 s."""
    assert tls.HANDSHAKE_SECONDS == 10.0
    monkeypatch.setattr(tls, "HANDSHAKE_SECONDS", 0.02)
    async with secured(tmp_path) as node, Wire(node, port=node.node.tls_port) as wire:
        assert await wire.rest() == b""
        await node.reaches(
            "ocs_diameter_disconnects_total", 1, peer="other", cause="TLS handshake failed"
        )
        assert strangers(lines) == ["TLS handshake failed: not completed"]


async def test_one_that_goes_in_the_handshake_is_forgotten(tmp_path: Path) -> None:
    """Its place is free again."""
    async with secured(tmp_path) as node:
        async with Wire(node, port=node.node.tls_port) as wire:
            wire.send(bytes.fromhex("16030100c8010000c40303"))
        await node.reaches(
            "ocs_diameter_disconnects_total", 1, peer="other", cause="TLS handshake failed"
        )
        assert node.node._connections == set()
        assert node.node._strangers == {}


async def test_silent_handshakes_give_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They hold the places of strangers, and of those the oldest goes."""
    monkeypatch.setattr(node_server, "STRANGERS_PER_ADDRESS", 1)
    async with (
        secured(tmp_path) as node,
        Wire(node, port=node.node.tls_port) as silent,
        Wire(node, context=certificates.client(PGW)) as right,
    ):
        assert result_code(await right.hello()) == 2001
        assert await silent.rest() == b""
        assert node.closed("no place") == 1


async def test_stop_does_not_wait_for_handshakes(tmp_path: Path) -> None:
    """Nobody to say goodbye to."""
    async with secured(tmp_path) as node, Wire(node, port=node.node.tls_port) as silent:
        while not node.node._connections:  # noqa: ASYNC110  # a set sets no event
            await asyncio.sleep(0)
        await asyncio.wait_for(node.node.stop(), PATIENCE_SECONDS)
        assert await silent.rest() == b""
        assert node.closed("stopped") == 1


# --- who is served ------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_peer_with_its_certificate_is_served(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    """In any case of the letters, with other names beside its own; until an orderly end."""
    context = certificates.client("other.example.net", PGW.upper())
    context.minimum_version = context.maximum_version = version
    async with secured(tmp_path) as node, Wire(node, context=context) as wire:
        assert result_code(await wire.hello()) == 2001
        assert await wire.is_served()
        wire.send(*(plain_ccr(hop_by_hop=number) for number in range(100)))
        found = [parse_header(await wire.receive()).hop_by_hop for _ in range(100)]
        assert found == list(range(100))


async def test_both_listeners_serve_and_the_identity_is_one(tmp_path: Path) -> None:
    """Who comes again by TLS replaces the connection without."""
    async with secured(tmp_path) as node, Wire(node) as plain:
        assert result_code(await plain.hello()) == 2001
        assert await plain.is_served()
        async with Wire(node, context=certificates.client(PGW)) as wire:
            wire.send(cer())
            await plain.__aexit__(None, None, None)
            assert result_code(await wire.receive()) == 2001
            assert await wire.is_served()


async def test_only_tls(tmp_path: Path) -> None:
    """No plain listener is needed."""
    async with secured(tmp_path, listen=()) as node:
        assert node.node.is_listening
        assert node.port == 0
        async with Wire(node, context=certificates.client(PGW)) as wire:
            assert result_code(await wire.hello()) == 2001


async def test_garbage_inside_tls_is_closed(tmp_path: Path) -> None:
    """The rules of the stream are the same."""
    async with secured(tmp_path) as node:
        async with Wire(node, context=certificates.client(PGW)) as wire:
            assert result_code(await wire.hello()) == 2001
            wire.send(bytes(8))
            assert await wire.rest() == b""
        assert node.closed("protocol error") == 1


def hello_at_once(port: int, context: ssl.SSLContext) -> bytes:
    """The CEA to a CER that leaves in one segment with the client's Finished."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    side = context.wrap_bio(incoming, outgoing, server_hostname=HOST)
    with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as stream:

        def until_done(step: Callable[[], T]) -> T:
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    stream.sendall(outgoing.read())
                    incoming.write(stream.recv(1 << 16))

        until_done(side.do_handshake)
        assert outgoing.pending  # the Finished waits
        side.write(cer())
        return until_done(lambda: side.read(1 << 16))


async def test_what_comes_with_the_end_of_the_handshake_is_read(tmp_path: Path) -> None:
    """A client may send its first message right behind its Finished (RFC 8446, 2)."""
    async with secured(tmp_path) as node:
        context = certificates.client(PGW)
        answer = await asyncio.to_thread(hello_at_once, node.node.tls_port, context)
    assert (parse_header(answer).command, number_of(answer, 268)) == (CER, 2001)


async def test_an_answer_that_is_owed_goes_out_before_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As without TLS."""
    monkeypatch.setattr(connection, "CLOSE_SECONDS", 3600.0)
    held = Held()
    async with (
        secured(tmp_path, held) as node,
        Wire(node, context=certificates.client(PGW)) as wire,
    ):
        assert result_code(await wire.hello()) == 2001
        wire.send(plain_ccr(), cer(), bytes(8))
        await held.next()
        held.release.set()
        codes = [result_code(each) for each in messages_in(await wire.rest())]
        assert codes == [2001, 2001]
