"""The services that a request names: what each reports and wishes, and its name within the session.

Behind the name of a service stand the marks that tell its charges apart ("10<", "10~1790881200", "10$",
and "10@1": the recipients of another price).
"""

from dataclasses import replace

from ocs.charging import quota
from ocs.charging.policy import ServicePolicy
from ocs.diameter.credit_control import (
    CCR,
    EVENT_REQUEST,
    INITIAL_REQUEST,
    MSCC,
    TERMINATION_REQUEST,
    Units,
)
from ocs.model import UnitKind

#: The key of units at command level, and of an MSCC without rating group and service identifier.
WHOLE_SESSION = "-"


def key_of(mscc: MSCC) -> str:
    """The name of a service within its session: rating group / service identifiers."""
    group = WHOLE_SESSION if mscc.rating_group is None else str(mscc.rating_group)
    if not mscc.service_identifiers:
        return group
    return "/".join([group, *map(str, mscc.service_identifiers)])


def base_of(key: str) -> str:
    """The service that a charge belongs to."""
    if key.isdigit():
        return key
    end = next((i for i, letter in enumerate(key) if letter in "<>~$@"), len(key))
    return key[:end]


def services(ccr: CCR, policy: ServicePolicy) -> tuple[MSCC, ...]:
    """The services of a request; one that is named twice is reported in sum and answered once.

    Units at command level are one service of the whole session. A first request that names nothing
    wants the server's choice (RFC 8506, 5.2), unless services may follow: a gateway opens its session
    before there is traffic, and Multiple-Services-Indicator 1 announces as much.
    """
    if len(ccr.mscc) == 1 and policy.unit is not UnitKind.EVENTS:
        return ccr.mscc
    identifier = ccr.command_service_identifier
    identifiers = () if identifier is None else (identifier,)
    whole = MSCC(None, identifiers, ccr.command_rsu, ccr.command_usu)
    found: dict[str, MSCC] = {}
    for each in ccr.mscc:
        key = key_of(each)
        first = found.get(key)
        if first is not None:
            each = replace(each, usu=first.usu + each.usu, rsu=each.rsu or first.rsu)
        found[key] = each
    if not found:
        is_reported = ccr.command_rsu is not None or bool(ccr.command_usu)
        is_single = ccr.multiple_services == 0 or (
            ccr.multiple_services is None and policy.unit is not UnitKind.OCTETS
        )
        opens = ccr.request_type == INITIAL_REQUEST and is_single
        if not (is_reported or opens or ccr.request_type == EVENT_REQUEST):
            return ()
        found[key_of(whole)] = whole
    if policy.unit is UnitKind.EVENTS and ccr.request_type in (INITIAL_REQUEST, EVENT_REQUEST):
        return tuple(_with_messages(ccr, each) for each in found.values())
    return tuple(found.values())


def _with_messages(ccr: CCR, mscc: MSCC) -> MSCC:
    """A wish without an amount is for every message to every recipient (TS 32.274)."""
    if mscc.usu or (mscc.rsu is not None and quota.names_units(mscc.rsu)):
        return mscc
    count = (ccr.messages or 1) * max(len(ccr.recipients), 1)
    return replace(mscc, rsu=replace(mscc.rsu or Units(), specific=count))


def is_wished(mscc: MSCC, request_type: int) -> bool:
    """Whether quota is wanted. A first request that neither asks nor reports wants the server's choice
    (centralised unit determination, RFC 8506, 5.2); a last one wants none."""
    if request_type == TERMINATION_REQUEST:
        return False
    return mscc.rsu is not None or (request_type == INITIAL_REQUEST and not mscc.usu)
