"""Key names: what belongs together shares a slot, and no peer chooses it."""

import inspect

import pytest
from redis.crc import key_slot

from ocs.abmf import keys
from ocs.model import Identity, IdentityKind

HOSTILE = [b"{p001}", b"a{b}c", b"}{", b"\x00\xff", b"x" * 4096, b""]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_a_peer_chooses_no_slot(text: bytes) -> None:
    """A Session-Id is a digest in every name; the tag in front is ours."""
    name = keys.digest(text)
    here = key_slot(keys.account(17, "1"))
    for made in (keys.session(17, name), keys.answers(17, name)):
        assert key_slot(made) == here
        assert made.startswith(b"{p017}:")
        assert made.count(b"{") == 1
    route = keys.route(name, 256)
    assert route.startswith(keys.tag(keys.partition_of(name, 256)))


@pytest.mark.parametrize("value", ["{p001}", "sip:{x}@y", "77010000001", "٣٤٥", ""])
@pytest.mark.parametrize("kind", [*IdentityKind])
def test_an_identity_chooses_no_slot(kind: IdentityKind, value: str) -> None:
    """Only ASCII digits are shown in a name."""
    made = keys.identity(Identity(kind, value), 256)
    assert made.startswith(b"{p") and made.count(b"{") == 1 and made.isascii()


def test_what_one_call_changes_shares_a_slot() -> None:
    """Account, subscriber, sessions, deadlines, ledger, postings, agenda and outbox of a partition."""
    made = [
        keys.account(5, "8"), keys.subscriber(5, "8"), keys.session(5, b"n"), keys.answers(5, b"n"),
        keys.open_sessions(5, "8"), keys.due(5), keys.overdue(5), keys.ledger(5), keys.posting(5, "k"),
        keys.agenda(5), keys.outbox(5), keys.members(5, "8"),
    ]  # fmt: skip
    assert len({key_slot(each) for each in made}) == 1
    assert len(set(made)) == len(made)


def test_partitions_are_used_evenly() -> None:
    """10,000 sessions over 256 partitions: none has four times its share."""
    counts = [0] * 256
    for number in range(10_000):
        counts[keys.partition_of(keys.digest(b"pgw;%d" % number), 256)] += 1
    assert min(counts) > 0 and max(counts) < 4 * 10_000 // 256


def test_every_builder_is_explained() -> None:
    """This file is the list of all keys: each says what stands there."""
    made = [each for _, each in inspect.getmembers(keys, inspect.isfunction)]
    assert all(each.__doc__ for each in made if each.__module__ == keys.__name__)


def test_a_client_has_one_key_for_its_restarts() -> None:
    """However it writes its name, and whatever stands in it."""
    assert keys.origin("Client.Example") == keys.origin("client.example")
    assert keys.origin("client.example") != keys.origin("other.example")
    assert keys.origin("{p001}").count(b"{") == 0
