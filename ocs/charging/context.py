"""What a first request says: who is served and who pays, what is used, when, and what holds then."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from ocs.charging.policy import ServicePolicy
from ocs.diameter.credit_control import CCR
from ocs.diameter.framing import FLAG_T
from ocs.model import (
    NEVER,
    Identity,
    IdentityKind,
    ProductState,
    RatingAttributes,
    SessionContext,
    Subscriber,
    UnitKind,
    UtcMillis,
)
from ocs.rating.catalogue import Catalogue
from ocs.rating.lifecycle import allows
from ocs.rating.numbers import SHORT_NUMBER_DIGITS, Numbering, bare, normalise

#: Event-Timestamp counts when it is this near to our clock; else it is somebody's broken clock.
TIME_WINDOW_MILLIS = 15 * 60 * 1000
#: The same of a request that is sent again. Every change of price since then is looked at: without a bound
#: one request of a wrong clock would hold up a worker for seconds.
RESENT_WINDOW_MILLIS = 31 * 86_400_000

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
#: Dialled before a number, it asks the called party to pay.
COLLECT_PREFIX = "000"

#: Facts that conditions may ask for, beside the subscriber's marks.
FEE, FAVOURITE, ROAMING, COLLECT = "fee", "favourite", "roaming", "collect"
GROUP = "group:"  # before the name of a closed user group that both parties are members of

#: The closed user groups of other parties, by their numbers.
Groups = Mapping[str, Iterable[str]]
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
    payer = collect_number(ccr, service, numbering)
    return RatingAttributes(
        service=service.name,
        calling=calling,
        called=payer or normalise("".join(called), numbering),
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


def collect_number(ccr: CCR, service: ServicePolicy, numbering: Numbering) -> str:
    """The called party of a collect call, who pays for it; "" where it is none."""
    if service.unit is not UnitKind.SECONDS or ccr.role_of_node == TERMINATING or not ccr.called:
        return ""
    dialled = bare(ccr.called)
    number = dialled.removeprefix(COLLECT_PREFIX)
    if number == dialled or len(number) <= SHORT_NUMBER_DIGITS:
        return ""
    return normalise(number, numbering)


def rating_time(ccr: CCR, now: UtcMillis) -> UtcMillis:
    """When the event happened: the client's word where it is plausible, else our clock.

    A request that is sent again may have waited in the client's buffer for long (RFC 6733, 3, T flag).
    """
    if ccr.event_timestamp is None:
        return now
    said = ccr.event_timestamp * 1000
    is_resent = bool(ccr.flags & FLAG_T) and said <= now
    window = RESENT_WINDOW_MILLIS if is_resent else TIME_WINDOW_MILLIS
    return UtcMillis(said) if abs(said - now) <= window else now


# --- what holds at the start ------------------------------------------------------------------------


def has_paid(subscriber: Subscriber, at: UtcMillis) -> bool:
    """Whether the tariff's included prices hold: its fee is paid, or nobody has tried to take it yet."""
    own = (each.state for each in subscriber.products if each.product == subscriber.tariff)
    return subscriber.paid_until > at or next(own, None) is ProductState.ACTIVE


def facts(
    subscriber: Subscriber,
    said: RatingAttributes,
    groups: Groups,
    at: UtcMillis,
    *,
    is_collect: bool = False,
) -> frozenset[str]:
    """What conditions may ask for besides. Who pays for a collect call is called by the other party."""
    other = said.called if said.is_originating and not is_collect else said.calling
    found = [mark for mark, until in subscriber.marks if until == NEVER or until > at]
    if has_paid(subscriber, at):
        found.append(FEE)
    if subscriber.roams and said.visited_network:
        # Switched on: whether it is used is the network's place in the catalogue.
        found.append(ROAMING)
    if is_collect:
        found.append(COLLECT)
    return frozenset([*found, *_of_other(subscriber, other, groups)])


def _of_other(subscriber: Subscriber, other: str, groups: Groups) -> Iterator[str]:
    if other in subscriber.favourites:
        yield FAVOURITE
    for each in groups.get(other, ()):
        if each in subscriber.groups:
            yield GROUP + each


def towards(
    attributes: RatingAttributes, subscriber: Subscriber, called: str, groups: Groups
) -> RatingAttributes:
    """The same for another recipient."""
    kept = (each for each in attributes.facts if each != FAVOURITE and not each.startswith(GROUP))
    about = frozenset([*kept, *_of_other(subscriber, called, groups)])
    return replace(attributes, called=called, facts=about)


def other_parties(ccr: CCR, service: ServicePolicy, numbering: Numbering) -> list[str]:
    """The numbers of everybody on the other side, each once."""
    said = attributes(ccr, service, numbering)
    if not said.is_originating or collect_number(ccr, service, numbering):
        return [said.calling] if said.calling else []
    numbers = [said.called]
    if ccr.called is None:
        numbers += [normalise(each, numbering) for each in ccr.recipients]
    return [each for each in dict.fromkeys(numbers) if each]


def new_context(
    ccr: CCR,
    service: ServicePolicy,
    subscriber: Subscriber,
    catalogue: Catalogue,
    now: UtcMillis,
    groups: Groups = MappingProxyType({}),
) -> SessionContext:
    """What the session will remember; conditions that hold at its start are frozen here."""
    started = rating_time(ccr, now)
    said = attributes(ccr, service, catalogue.numbering)
    is_collect = bool(collect_number(ccr, service, catalogue.numbering))
    held = facts(subscriber, said, groups, started, is_collect=is_collect)
    return SessionContext(
        account_id=subscriber.account_id,
        partition=subscriber.partition,
        service=service.name,
        tariff=subscriber.tariff,
        started=started,
        fee_is_paid=FEE in held,
        attributes=replace(said, facts=held),
        catalogue_version=catalogue.version,
        correlation=correlation(ccr),
        member=subscriber.member,
    )


def is_barred(subscriber: Subscriber, context: SessionContext) -> bool:
    """Whether the subscriber's state keeps it from this service now."""
    return not allows(subscriber, context.attributes)


def correlation(ccr: CCR) -> str:
    """What the client says ties sessions together: CC-Correlation-Id, else the charging id of the bearer
    or of the call; at most 64 characters, which is more than any of them has."""
    if ccr.correlation_id:
        return ccr.correlation_id.decode("ascii", "backslashreplace")[:CORRELATION_MAX]
    if ccr.ims_charging_id:
        return ccr.ims_charging_id[:CORRELATION_MAX]
    return "" if ccr.charging_id is None else str(ccr.charging_id)
