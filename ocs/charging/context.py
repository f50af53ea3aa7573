"""What a first request says: who is served, what is used, when."""

from collections.abc import Callable

from ocs.charging.policy import ServicePolicy
from ocs.diameter.credit_control import CCR
from ocs.model import (
    Identity,
    IdentityKind,
    RatingAttributes,
    SessionContext,
    Subscriber,
    UtcMillis,
)
from ocs.rating.catalogue import Catalogue
from ocs.rating.numbers import Numbering, bare, normalise

#: Event-Timestamp counts when it is this near to our clock; else it is somebody's broken clock.
TIME_WINDOW_MILLIS = 15 * 60 * 1000

#: Subscription-Id-Type (RFC 8506, 8.47).
KINDS = {
    0: IdentityKind.E164,
    1: IdentityKind.IMSI,
    2: IdentityKind.SIP_URI,
    3: IdentityKind.NAI,
    4: IdentityKind.PRIVATE,
}
TERMINATING = 1
CORRELATION_MAX = 64
#: What an emergency call is addressed to where no number was dialled (RFC 5031).
SOS = "urn:service:sos"
#: Kinds of 3GPP-User-Location-Info that begin with a PLMN: CGI, SAI, RAI, TAI, ECGI, TAI and ECGI.
PLACES = {0, 1, 2, 128, 129, 130}


def identities(ccr: CCR, numbering: Numbering) -> tuple[Identity, ...]:
    """Every identity of the request, normalised; User-Name where there is no other."""
    found = tuple(
        identity(KINDS[kind], data, numbering)
        for kind, data in ccr.subscription_ids
        if kind in KINDS and data
    )
    if found or not ccr.user_name:
        return found
    return (identity(IdentityKind.NAI, ccr.user_name, numbering),)


def identity(kind: IdentityKind, data: str, numbering: Numbering) -> Identity:
    """One identity in the form it is stored in."""
    if kind is IdentityKind.E164:
        # International by its type (RFC 8506, 8.47): ten digits may be a whole foreign number, so only
        # what carries a national or international prefix is taken apart.
        number = bare(data).removeprefix("+")
        dialled = normalise(number, numbering)
        has_prefix = len(number) != numbering.national_digits
        return Identity(kind, dialled if has_prefix and dialled else number)
    if kind is IdentityKind.IMSI:
        return Identity(kind, data.strip())
    if kind is IdentityKind.SIP_URI:
        return sip_identity(data, numbering)
    return Identity(kind, data.strip().lower())


def sip_identity(data: str, numbering: Numbering) -> Identity:
    """A SIP or tel URI; one whose user part is a global number names that number."""
    number = bare(data)
    if data.lower().startswith("tel:") or number.startswith("+"):
        digits = normalise(data, numbering)
        if digits:
            return Identity(IdentityKind.E164, digits)
    # Parameters belong to the host part; the user part may hold a semicolon of its own.
    user, at, host = data.strip().rpartition("@")
    host = host.partition(";")[0].partition("?")[0]
    if not at:
        return Identity(IdentityKind.SIP_URI, host)
    scheme, colon, name = user.rpartition(":")
    return Identity(IdentityKind.SIP_URI, f"{scheme.lower()}{colon}{name}@{host.lower()}")


def attributes(ccr: CCR, service: ServicePolicy, numbering: Numbering) -> RatingAttributes:
    """What prices may depend on."""
    said = [*ccr.calling, *([ccr.originator] if ccr.originator else [])]
    calling = next((n for each in said if (n := normalise(each, numbering))), "")
    called = [ccr.called] if ccr.called else ccr.recipients[:1]
    return RatingAttributes(
        service=service.name,
        calling=calling,
        called=normalise("".join(called), numbering),
        is_originating=ccr.role_of_node != TERMINATING,
        apn=ccr.apn or "",
        visited_network=ccr.serving_plmn or plmn_of(ccr.user_location),
        rat_type=ccr.rat_type,
        message_class=ccr.message_class,
    )


def plmn_of(user_location: bytes) -> str:
    """MCC and MNC of a 3GPP-User-Location-Info, "" where it has none (TS 29.061, 16.4.7.2).

    Octet 1 is the kind of place, the next three hold the digits in swapped halves; F fills a short MNC.
    """
    if len(user_location) < 4 or user_location[0] not in PLACES:
        return ""
    halves = [half for each in user_location[1:4] for half in (each & 15, each >> 4)]
    one, two, three, filler, first, second = halves
    digits = [one, two, three, first, second, *([filler] if filler != 15 else [])]
    return "".join(map(str, digits)) if max(digits) <= 9 else ""


def is_free(ccr: CCR, numbering: Numbering, is_free_number: Callable[[str], bool]) -> bool:
    """Whether whom a request calls may always be called: emergency and free service numbers."""
    if ccr.role_of_node == TERMINATING:
        return False
    called = [ccr.called] if ccr.called else ccr.recipients
    return bool(called) and all(
        each.lower().startswith(SOS) or is_free_number(normalise(each, numbering))
        for each in called
    )


def rating_time(ccr: CCR, now: UtcMillis) -> UtcMillis:
    """When the event happened: the client's word where it is plausible, else our clock."""
    if ccr.event_timestamp is None:
        return now
    said = ccr.event_timestamp * 1000
    return UtcMillis(said) if abs(said - now) <= TIME_WINDOW_MILLIS else now


def new_context(
    ccr: CCR,
    service: ServicePolicy,
    subscriber: Subscriber,
    catalogue: Catalogue,
    now: UtcMillis,
) -> SessionContext:
    """What the session will remember; conditions that hold at its start are frozen here."""
    started = rating_time(ccr, now)
    return SessionContext(
        account_id=subscriber.account_id,
        partition=subscriber.partition,
        service=service.name,
        tariff=subscriber.tariff,
        started=started,
        fee_is_paid=subscriber.paid_until > started,
        attributes=attributes(ccr, service, catalogue.numbering),
        catalogue_version=catalogue.version,
        correlation=correlation(ccr),
    )


def correlation(ccr: CCR) -> str:
    """What the client says ties sessions together: CC-Correlation-Id, else the charging id of the bearer
    or of the call; at most 64 characters, which is more than any of them has."""
    if ccr.correlation_id:
        return ccr.correlation_id.decode("ascii", "backslashreplace")[:CORRELATION_MAX]
    if ccr.ims_charging_id:
        return ccr.ims_charging_id[:CORRELATION_MAX]
    return "" if ccr.charging_id is None else str(ccr.charging_id)
