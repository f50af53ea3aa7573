"""What the store keeps of subscribers and sessions comes back as it went in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocs.abmf import keys
from ocs.abmf.encoding import (
    decode_context,
    decode_subscriber,
    encode_context,
    encode_subscriber,
    raw,
    read_refund_token,
    refund_token,
)
from ocs.model import (
    AccountId,
    Identity,
    IdentityKind,
    Partition,
    RatingAttributes,
    SessionContext,
    Subscriber,
    SubscriberState,
    UtcMillis,
)

texts = st.text(max_size=20)
identities = st.builds(Identity, st.sampled_from(IdentityKind), texts)
subscribers = st.builds(
    Subscriber,
    texts.map(AccountId),
    st.integers(0, 255).map(Partition),
    st.integers(1, 2**31),
    texts,
    st.sampled_from(SubscriberState),
    st.lists(identities, max_size=3).map(tuple),
    st.integers(0, 2**42).map(UtcMillis),
)
contexts = st.builds(
    SessionContext,
    texts.map(AccountId),
    st.integers(0, 255).map(Partition),
    texts,
    texts,
    st.integers(0, 2**42).map(UtcMillis),
    st.booleans(),
    st.builds(RatingAttributes, texts, texts, texts, st.booleans(), texts, texts),
    texts,
)


@given(subscribers)
def test_a_subscriber_comes_back(each: Subscriber) -> None:
    """With the version that the store counts."""
    assert decode_subscriber(encode_subscriber(each), each.version) == each


@given(contexts)
def test_a_context_comes_back(each: SessionContext) -> None:
    """And as the same type, attributes included."""
    assert decode_context(encode_context(each)) == each


TOKEN = "1.2." + "a" * 32


def test_replies_are_octets() -> None:
    """Whatever form the client library gives them in."""
    assert (raw(b"x"), raw("x"), raw(7)) == (b"x", b"x", b"7")


@pytest.mark.parametrize(
    "text",
    ["", "1.2", "1.2.", "a.2.0", "1.2.3.4", "1..5", " 1.2.3", "1.2.3\n", TOKEN + ".", TOKEN + ".x"],
)
def test_what_is_no_token_of_ours_is_nothing(text: str) -> None:
    """A client may send anything as Refund-Information."""
    assert read_refund_token(text) is None


@given(st.text())
def test_any_text_is_a_token_or_nothing(text: str) -> None:
    """No text raises."""
    assert read_refund_token(text) is None


@given(
    st.integers(0, 255),
    st.integers(1, 2**53),
    st.binary(max_size=300),
    st.sampled_from(["", "0", "4294967295:18446744073709551615"]),
)
def test_a_token_names_what_it_was_made_of(
    number: int, account: int, session: bytes, event: str
) -> None:
    """Partition, account and the session's digest of 128 bits; printable, whatever the Session-Id holds."""
    account_id = AccountId(str(account))
    token = refund_token(Partition(number), account_id, session, event)
    assert token.isascii() and token.isprintable()
    assert read_refund_token(token) == (number, account_id, keys.digest(session), event)
