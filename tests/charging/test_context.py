"""What a first request says, in the form it is compared in."""

from dataclasses import replace

import pytest

from ocs.abmf.encoding import decode_context, encode_context
from ocs.charging.context import (
    attributes,
    collect_number,
    identities,
    identity,
    is_free,
    new_context,
    other_parties,
    plmn_of,
    rating_time,
    towards,
)
from ocs.charging.policy import ServicePolicy
from ocs.diameter.credit_control import CCR
from ocs.model import (
    Identity,
    IdentityKind,
    Partition,
    Product,
    ProductState,
    RatingAttributes,
    SessionContext,
    UtcMillis,
)
from ocs.rating.numbers import Numbering
from tests.charging.worked import (
    DATA,
    MMS,
    MSISDN,
    ON_NET,
    SMS,
    SUBSCRIBER,
    VOICE,
    catalogue,
    data,
    sms,
    voice,
)

HOME = Numbering()
E164, IMSI = IdentityKind.E164, IdentityKind.IMSI
SIP, NAI, PRIVATE = IdentityKind.SIP_URI, IdentityKind.NAI, IdentityKind.PRIVATE
NOW = UtcMillis(1_790_000_000_000)
QUARTER = 15 * 60
OTHER = "77012223344"  # ON_NET


@pytest.mark.parametrize(
    ("kind", "said", "expected"),
    [
        (E164, "77011112233", Identity(E164, "77011112233")),
        (E164, "+7 (701) 111-22-33", Identity(E164, "77011112233")),
        (E164, "tel:+77011112233", Identity(E164, "77011112233")),
        (E164, "87011112233", Identity(E164, "77011112233")),
        # International by its type: ten digits are a whole Danish number, not one of ours.
        (E164, "4532112233", Identity(E164, "4532112233")),
        (E164, "+4532112233", Identity(E164, "4532112233")),
        (E164, "0077011112233", Identity(E164, "77011112233")),
        (E164, "not-a-number", Identity(E164, "notanumber")),
        (IMSI, " 401021112223344 ", Identity(IMSI, "401021112223344")),
        (IMSI, "001010000000001", Identity(IMSI, "001010000000001")),
        (SIP, "sip:Alice@IMS.Example", Identity(SIP, "sip:Alice@ims.example")),
        (SIP, "SIP:Alice@IMS.Example", Identity(SIP, "sip:Alice@ims.example")),
        (SIP, "Alice@IMS.Example", Identity(SIP, "Alice@ims.example")),
        (SIP, "sip:a@h.example;transport=tcp", Identity(SIP, "sip:a@h.example")),
        (SIP, "sip:a@h.example:5060?x=y", Identity(SIP, "sip:a@h.example:5060")),
        (SIP, "sip:a;x=1@h.example", Identity(SIP, "sip:a;x=1@h.example")),
        (SIP, "sip:a;x=1@g.example", Identity(SIP, "sip:a;x=1@g.example")),
        (SIP, "sip:+77011112233@ims.example;user=phone", Identity(E164, "77011112233")),
        (SIP, "tel:+7-701-111-22-33;isub=1", Identity(E164, "77011112233")),
        (SIP, "TEL:+77011112233", Identity(E164, "77011112233")),
        (SIP, "sip:77011112233@ims.example", Identity(SIP, "sip:77011112233@ims.example")),
        (SIP, "tel:voicemail", Identity(SIP, "tel:voicemail")),
        (NAI, "User@Realm.Example", Identity(NAI, "user@realm.example")),
        (PRIVATE, "ABC-1", Identity(PRIVATE, "abc-1")),
    ],
)
def test_identity(kind: IdentityKind, said: str, expected: Identity) -> None:
    """One subscriber has one spelling, whatever the network writes; two never become one."""
    assert identity(kind, said, HOME) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"subscription_ids": ()}, ()),
        ({"subscription_ids": ((9, "x"), (0, ""))}, ()),
        (
            {"subscription_ids": ((1, "401021112223344"), (0, "+77011112233"))},
            (Identity(IMSI, "401021112223344"), Identity(E164, "77011112233")),
        ),
        (
            {"subscription_ids": ((2, "tel:+77011112233"),), "user_name": "a@b"},
            (Identity(E164, "77011112233"),),
        ),
        (
            {"subscription_ids": ((3, "a@b"), (4, "c"))},
            (Identity(NAI, "a@b"), Identity(PRIVATE, "c")),
        ),
        ({"subscription_ids": (), "user_name": "A@B"}, (Identity(NAI, "a@b"),)),
        ({"subscription_ids": ((9, "x"),), "user_name": "A@B"}, (Identity(NAI, "a@b"),)),
    ],
)
def test_identities(changes: dict[str, object], expected: tuple[Identity, ...]) -> None:
    """Every known kind with data counts; User-Name only where there is no other."""
    ccr = replace(data(1, 0), **changes)  # type: ignore[arg-type]  # by name
    assert identities(ccr, HOME) == expected


@pytest.mark.parametrize(
    ("offset_seconds", "is_believed"),
    [
        (None, False),
        (-QUARTER - 1, False),
        (QUARTER + 1, False),
        (-QUARTER, True),
        (QUARTER, True),
        (-2, True),
    ],
)
def test_rating_time(offset_seconds: int | None, is_believed: bool) -> None:
    """Event-Timestamp counts within 15 minutes of our clock; else our clock."""
    ccr = data(1, 0)
    if offset_seconds is not None:
        ccr = replace(ccr, event_timestamp=NOW // 1000 + offset_seconds)
    expected = NOW + 1000 * (offset_seconds or 0) if is_believed else NOW
    assert rating_time(ccr, NOW) == expected


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        ({"called": "tel:87012223344"}, "called", "77012223344"),
        ({"called": "112"}, "called", "112"),
        ({"called": "sip:alice@ims.example"}, "called", ""),
        ({"called": None}, "called", ""),
        ({"calling": ()}, "calling", ""),
        ({"calling": ("sip:alice@x", "tel:+77011112233")}, "calling", "77011112233"),
        ({"role_of_node": 0}, "is_originating", True),
        ({"role_of_node": 1}, "is_originating", False),
        ({"role_of_node": 2}, "is_originating", True),  # forwarding: the forwarder pays
        ({"role_of_node": None}, "is_originating", True),
    ],
)
def test_attributes_of_a_call(changes: dict[str, object], field: str, expected: object) -> None:
    """Numbers in one form, and who pays for the leg."""
    ccr = replace(voice(1, 0), **changes)  # type: ignore[arg-type]  # by name
    assert getattr(attributes(ccr, VOICE, HOME), field) == expected


def test_attributes_of_data() -> None:
    """Access point and visited network as they came."""
    ccr = replace(data(1, 0), apn="internet", serving_plmn="25001")
    assert attributes(ccr, DATA, HOME) == RatingAttributes(
        "data", apn="internet", visited_network="25001"
    )


@pytest.mark.parametrize(("paid_until", "is_paid"), [(0, False), (NOW, False), (NOW + 1, True)])
def test_the_fee_is_frozen_at_the_start(paid_until: int, is_paid: bool) -> None:
    """Paid until a moment means: not at that moment any more."""
    each = replace(SUBSCRIBER, paid_until=UtcMillis(paid_until))
    assert new_context(data(1, 0), DATA, each, catalogue(), NOW).fee_is_paid is is_paid


def started_before(ccr: CCR) -> CCR:
    """The same ten seconds ago."""
    return replace(ccr, event_timestamp=NOW // 1000 - 10)


def test_new_context() -> None:
    """Who pays, what for, since when and by which prices; it survives being stored."""
    context = new_context(started_before(voice(1, 0)), VOICE, SUBSCRIBER, catalogue(), NOW)
    assert context == SessionContext(
        account_id=SUBSCRIBER.account_id,
        partition=Partition(7),
        service="voice",
        tariff="worked",
        started=UtcMillis(NOW - 10_000),
        fee_is_paid=False,
        attributes=RatingAttributes("voice", calling=MSISDN, called="77012223344"),
        catalogue_version=catalogue().version,
    )
    assert decode_context(encode_context(context)) == context


# --- what holds at the start ---------------------------------------------------------------------------

TARIFF = Product(1, "worked", ProductState.ACTIVE, UtcMillis(1))


@pytest.mark.parametrize(
    ("products", "paid_until", "is_paid"),
    [
        ((), 0, False),
        ((), NOW + 1, True),
        ((TARIFF,), 0, True),  # nobody has tried to take it yet
        ((replace(TARIFF, state=ProductState.UNPAID),), 0, False),
        ((replace(TARIFF, state=ProductState.UNPAID),), NOW + 1, True),
        ((replace(TARIFF, product="another"),), 0, False),
    ],
)
def test_fee(products: tuple[Product, ...], paid_until: int, is_paid: bool) -> None:
    """What was tried and not covered is unpaid; what was not tried is not the subscriber's fault."""
    each = replace(SUBSCRIBER, products=products, paid_until=UtcMillis(paid_until))
    context = new_context(data(1, 0), DATA, each, catalogue(), NOW)
    assert context.fee_is_paid is is_paid
    assert ("fee" in context.attributes.facts) is is_paid


@pytest.mark.parametrize(
    ("changes", "groups", "expected"),
    [
        ({}, {OTHER: ("staff",)}, set()),
        ({"groups": ("staff", "board")}, {}, set()),
        ({"groups": ("staff", "board")}, {OTHER: ("staff", "night")}, {"group:staff"}),
        ({"groups": ("staff",)}, {"77019999999": ("staff",)}, set()),
        ({"favourites": (OTHER,)}, {}, {"favourite"}),
        ({"favourites": ("77019999999",)}, {}, set()),
        ({"marks": (("recharged", NOW + 1), ("old", NOW), ("ever", 0))}, {}, {"recharged", "ever"}),
    ],
)
def test_facts(
    changes: dict[str, object], groups: dict[str, tuple[str, ...]], expected: set[str]
) -> None:
    """Of both parties, whoever calls; marks until they are over."""
    each = replace(SUBSCRIBER, **changes)  # type: ignore[arg-type]  # by name
    made = voice(1, 0)
    received = replace(made, called=f"tel:+{MSISDN}", calling=(f"tel:+{OTHER}",), role_of_node=1)
    for ccr in (made, received):
        context = new_context(ccr, VOICE, each, catalogue(), NOW, groups)
        assert context.attributes.facts == expected


def test_roaming_that_is_switched_on() -> None:
    """A fact where a network is visited, so that a price abroad may ask for it."""
    ccr = replace(data(1, 0), serving_plmn="25001")
    for roams in (True, False):
        each = replace(SUBSCRIBER, roams=roams)
        found = new_context(ccr, DATA, each, catalogue(), NOW).attributes.facts
        assert found == ({"roaming"} if roams else set())


def test_other_recipient() -> None:
    """What held of the first recipient does not hold of another; what holds of the subscriber does."""
    each = replace(SUBSCRIBER, favourites=(OTHER,), groups=("staff",), marks=(("m", UtcMillis(0)),))
    groups = {OTHER: ("staff",), "77019999999": ("staff",)}
    first = new_context(sms(1, 0), SMS, each, catalogue(), NOW, groups).attributes
    assert first.facts == {"favourite", "group:staff", "m"}
    assert towards(first, each, "77019999999", groups).facts == {"group:staff", "m"}
    other = towards(first, each, "77015555555", groups)
    assert other.called == "77015555555" and other.facts == {"m"}


@pytest.mark.parametrize(
    ("ccr", "service", "expected"),
    [
        (data(1, 0), DATA, []),
        (voice(1, 0), VOICE, [OTHER]),
        (replace(voice(1, 0), role_of_node=1), VOICE, [MSISDN]),
        (replace(voice(1, 0), called="0007012223344"), VOICE, [MSISDN]),  # who pays is called
        (replace(sms(1, 0), recipients=(ON_NET, ON_NET, "x", "77019999999")), SMS,
         [OTHER, "77019999999"]),
    ],
)  # fmt: skip
def test_other_parties(ccr: CCR, service: ServicePolicy, expected: list[str]) -> None:
    """Everybody on the other side, once."""
    assert other_parties(ccr, service, HOME) == expected


@pytest.mark.parametrize(
    ("ccr", "service", "expected"),
    [
        (voice(1, 0), VOICE, ""),
        (replace(voice(1, 0), called=None), VOICE, ""),
        (replace(voice(1, 0), called="000112"), VOICE, ""),  # no short number is called so
        (replace(voice(1, 0), called="0017012223344"), VOICE, ""),
        (replace(voice(1, 0), called="0007012223344", role_of_node=1), VOICE, ""),
        (replace(sms(1, 0), called="0007012223344"), SMS, ""),
        (replace(voice(1, 0), called="0007012223344"), VOICE, OTHER),
        (replace(voice(1, 0), called="tel:00087012223344;phone-context=+7"), VOICE, OTHER),
        (replace(voice(1, 0), called="sip:00077012223344@ims.example"), VOICE, OTHER),
    ],
)
def test_collect_call(ccr: CCR, service: ServicePolicy, expected: str) -> None:
    """000 before a number: the called party pays, if asked by phone."""
    assert collect_number(ccr, service, HOME) == expected


def test_context_of_a_collect_call() -> None:
    """Who pays is the called party, whose favourites and groups are looked at for the caller."""
    payer = replace(SUBSCRIBER, member="2", favourites=(MSISDN,))
    ccr = replace(voice(1, 0), called="0007012223344")
    context = new_context(ccr, VOICE, payer, catalogue(), NOW)
    assert (context.attributes.calling, context.attributes.called) == (MSISDN, OTHER)
    assert context.attributes.facts == {"collect", "favourite"}
    assert context.subscriber_id == "7.2"


@pytest.mark.parametrize(
    ("seconds_ago", "is_resent", "counts"),
    [
        (900, False, True),
        (901, False, False),
        (901, True, True),
        (31 * 86_400, True, True),
        (31 * 86_400 + 1, True, False),  # a month in a buffer is a wrong clock
        (-900, True, True),
        (-901, True, False),  # nobody knows what will be used
    ],
)
def test_request_that_was_sent_again(seconds_ago: int, is_resent: bool, counts: bool) -> None:
    """It may have waited for long: rated by when it happened (RFC 6733, 3, T flag)."""
    said = NOW // 1000 - seconds_ago
    ccr = replace(data(1, 0), event_timestamp=said, flags=0xD0 if is_resent else 0xC0)
    assert rating_time(ccr, NOW) == (said * 1000 if counts else NOW)


@pytest.mark.parametrize(
    "location",
    [
        "",
        "82",
        "82 04 f1",  # cut short
        "03 04f110 0001",  # no place that begins with a network
        "83 04f110 0001",
        "82 ffffff 0001",  # no digits
        "82 0a f110 0001",
    ],
)
def test_place_without_a_network(location: str) -> None:
    """What cannot be read says nothing; the service goes on at home."""
    assert plmn_of(bytes.fromhex(location)) == ""


@pytest.mark.parametrize(
    ("location", "plmn"),
    [
        ("82 04f120 0001 04f120 00000101", "40102"),  # TAI and ECGI
        ("00 04f120 0001 0002", "40102"),  # CGI
        ("01 130014 0001 0002", "310410"),  # SAI, a network code of three digits
        ("02 62f210 0001", "26201"),
        ("80 62f210 0001", "26201"),
        ("81 62f210 0001", "26201"),
    ],
)
def test_network_of_a_place(location: str, plmn: str) -> None:
    """MCC and MNC in swapped halves of octets (TS 24.008, 10.5.1.3)."""
    assert plmn_of(bytes.fromhex(location)) == plmn


def test_where_a_subscriber_is() -> None:
    """The serving network where it is named, else that of the place."""
    ccr = replace(data(1, 0), user_location=bytes.fromhex("8262f2100001"), rat_type=6)
    found = attributes(ccr, DATA, HOME)
    assert (found.visited_network, found.rat_type) == ("26201", 6)
    assert attributes(replace(ccr, serving_plmn="40102"), DATA, HOME).visited_network == "40102"


def test_attributes_of_messages() -> None:
    """Who sends, the first who receives, and the class of the message."""
    ccr = replace(
        sms(1, 0), originator="+7 701 1112233", recipients=("87012223344", "+14155550100")
    )
    found = attributes(ccr, SMS, HOME)
    assert (found.service, found.calling, found.called) == ("sms", MSISDN, "77012223344")
    assert found.is_originating and found.message_class is None
    assert attributes(replace(ccr, message_class=1), MMS, HOME).message_class == 1
    mail = replace(ccr, recipients=("someone@mail.example",), originator="42")
    assert (attributes(mail, MMS, HOME).calling, attributes(mail, MMS, HOME).called) == ("42", "")


@pytest.mark.parametrize(
    "ccr",
    [
        data(1, 0),
        voice(1, 0),
        replace(voice(1, 0), called=None),
        replace(voice(1, 0), called="77011120000"),
        replace(voice(1, 0), called="112", role_of_node=1),  # a call that comes from there
        replace(voice(1, 0), called="urn:service:counseling"),
        replace(sms(1, 0), recipients=("112", ON_NET)),
        replace(sms(1, 0), recipients=()),
    ],
)
def test_numbers_that_are_charged(ccr: CCR) -> None:
    """Free of control is only what always is."""
    assert not is_free(ccr, HOME, catalogue().is_free)


@pytest.mark.parametrize(
    "ccr",
    [
        replace(voice(1, 0), called="112"),
        replace(voice(1, 0), called="tel:112;phone-context=+7"),
        replace(voice(1, 0), called="sip:101@ims.example;user=phone"),
        replace(voice(1, 0), called="URN:service:SOS"),
        replace(voice(1, 0), called="urn:service:sos.fire", role_of_node=None),
        replace(sms(1, 0), recipients=("112", "101")),
    ],
)
def test_numbers_free_of_control(ccr: CCR) -> None:
    """As phones and networks write them."""
    assert is_free(ccr, HOME, catalogue().is_free)
