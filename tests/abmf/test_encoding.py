"""What the store keeps of subscribers and sessions comes back as it went in."""

from hypothesis import given
from hypothesis import strategies as st

from ocs.abmf.encoding import (
    decode_context,
    decode_subscriber,
    encode_context,
    encode_subscriber,
    raw,
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


def test_replies_are_octets() -> None:
    """Whatever form the client library gives them in."""
    assert (raw(b"x"), raw("x"), raw(7)) == (b"x", b"x", b"7")
