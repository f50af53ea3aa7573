"""What the store keeps of subscribers and sessions comes back as it went in."""

import pytest
from hypothesis import given, strategies as st

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
    Bucket,
    Identity,
    IdentityKind,
    Partition,
    Product,
    ProductState,
    RatingAttributes,
    SessionContext,
    Subscriber,
    SubscriberState,
    UtcMillis,
)

texts = st.text(max_size=20)
identities = st.builds(Identity, st.sampled_from(IdentityKind), texts)
moments = st.integers(0, 2**42).map(UtcMillis)
buckets = st.builds(Bucket, texts, texts, moments, moments)
products = st.builds(
    Product,
    st.integers(1, 2**31),
    texts,
    st.sampled_from(ProductState),
    moments,
    moments,
    moments,
    st.lists(buckets, max_size=2).map(tuple),
)
names = st.lists(texts, max_size=2).map(tuple)
subscribers = st.builds(
    Subscriber,
    texts.map(AccountId),
    st.integers(0, 255).map(Partition),
    st.integers(1, 2**31),
    texts,
    st.sampled_from(SubscriberState),
    st.lists(identities, max_size=3).map(tuple),
    moments,
    member=texts,
    products=st.lists(products, max_size=2).map(tuple),
    money=texts,
    allowance=st.none() | st.integers(0, 2**53),
    credit_limit=st.integers(0, 2**53),
    valid_until=moments,
    zone=texts,
    language=texts,
    roams=st.booleans(),
    groups=names,
    favourites=names,
    attributes=st.lists(st.tuples(texts, texts), max_size=2).map(tuple),
    marks=st.lists(st.tuples(texts, moments), max_size=2).map(tuple),
    next_product=st.integers(1, 2**31),
)
contexts = st.builds(
    SessionContext,
    texts.map(AccountId),
    st.integers(0, 255).map(Partition),
    texts,
    texts,
    st.integers(0, 2**42).map(UtcMillis),
    st.booleans(),
    st.builds(
        RatingAttributes,
        texts,
        texts,
        texts,
        st.booleans(),
        texts,
        texts,
        facts=st.frozensets(texts),
    ),
    texts,
    texts,
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


def test_a_context_says_only_what_there_is() -> None:
    """It is kept with every open session; defaults are known to who reads it."""
    bare = SessionContext(
        AccountId("1"),
        Partition(2),
        "data",
        "t",
        UtcMillis(3),
        False,
        RatingAttributes("data"),
        "v",
    )
    assert encode_context(bare) == (
        b'{"account_id":"1","partition":2,"service":"data","tariff":"t","started":3,'
        b'"fee_is_paid":false,"attributes":{"service":"data"},"catalogue_version":"v"}'
    )
    assert decode_context(encode_context(bare)) == bare


def test_a_subscriber_that_an_earlier_release_stored() -> None:
    """What its record does not tell is as it is for a new one."""
    data = (
        b'{"account":"7","partition":3,"tariff":"t","state":"active",'
        b'"ids":[["e164","77010000001"]],"paid_until":9}'
    )
    number = Identity(IdentityKind.E164, "77010000001")
    expected = Subscriber(
        AccountId("7"), Partition(3), 4, "t", SubscriberState.ACTIVE, (number,), UtcMillis(9)
    )
    assert decode_subscriber(data, 4) == expected
    assert encode_subscriber(expected) == data


def test_a_context_that_an_earlier_release_stored() -> None:
    """It has no facts, and the session is the only subscriber's."""
    data = (
        b'{"account_id":"7","partition":3,"service":"voice","tariff":"t","started":5,"fee_is_paid":true,'
        b'"attributes":{"service":"voice","calling":"","called":"7","is_originating":true,"apn":"",'
        b'"visited_network":"","rat_type":null,"message_class":null},"catalogue_version":"v"}'
    )
    found = decode_context(data)
    assert found.attributes == RatingAttributes("voice", called="7")
    assert (found.subscriber_id, found.correlation) == ("7", "")


def test_one_context_has_one_encoding() -> None:
    """Whatever order a set has its facts in."""
    facts = [f"group:{number}" for number in range(20)]
    attributes = RatingAttributes("voice", facts=frozenset(facts))
    made = encode_context(
        SessionContext(
            AccountId("7"), Partition(3), "voice", "t", UtcMillis(5), True, attributes, "v"
        )
    )
    shown = [made.index(f'"{each}"'.encode()) for each in sorted(facts)]
    assert shown == sorted(shown)


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
