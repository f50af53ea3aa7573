"""From the `[[services]]` of the configuration to the policy that charging works by."""

from collections.abc import Iterable

from ocs.amounts import parse_amount
from ocs.charging.policy import ChargingPolicy, ServicePolicy
from ocs.config_services import NOT_SENT, Service
from ocs.diameter.credit_control import FinalUnit
from ocs.model import UnitKind

#: Credit-Control- and Direct-Debiting-Failure-Handling (RFC 8506, 8.14 and 8.15).
FAILURE_HANDLING = {"terminate": 0, "continue": 1, "retry_and_terminate": 2}
DIRECT_DEBITING = {"terminate_or_buffer": 0, "continue": 1}
#: Final-Unit-Action, and Redirect-Address-Type by its value (RFC 8506, 8.35 and 8.38).
REDIRECT, RESTRICT_ACCESS = 1, 2
REDIRECT_TYPES = ("ipv4", "ipv6", "url", "sip")


def policy_of(services: Iterable[Service]) -> ChargingPolicy:
    """The policy of all configured services."""
    return ChargingPolicy(tuple(map(service_policy, services)))


def service_policy(service: Service) -> ServicePolicy:
    """One service, with the choices of its rating groups."""
    groups = tuple(
        (
            frozenset(each.rating_groups),
            service_policy(
                service.model_copy(
                    update={
                        **each.model_dump(exclude={"rating_groups"}, exclude_none=True),
                        "groups": (),
                    }
                )
            ),
        )
        for each in service.groups
    )
    return ServicePolicy(
        name=service.name,
        contexts=service.contexts,
        unit=UnitKind(service.unit),
        grant_default=service.grant_default,
        grant_minimum=service.grant_minimum,
        grant_maximum=service.grant_maximum,
        grant_seconds=service.grant_seconds,
        validity_seconds=service.validity_seconds,
        threshold_percent=service.threshold_percent,
        is_refused_whole=service.refuse == "command",
        failure_handling=FAILURE_HANDLING[service.failure_handling],
        session_failover=int(service.session_failover),
        direct_debiting_failure_handling=DIRECT_DEBITING[service.direct_debiting_failure_handling],
        holding_seconds=sent(service.holding_seconds),
        consumption_seconds=sent(service.consumption_seconds),
        trigger=service.trigger if service.sends_trigger else None,
        final_unit=final_unit(service),
        restricted_validity_seconds=service.restricted_validity_seconds,
        is_restricted_again=service.when_still_empty == "restrict",
        final_grace_seconds=service.final_grace_seconds,
        low_balance_micros=parse_amount(service.low_balance, 6) if service.low_balance else None,
        tells_balance=service.remaining_balance,
        tells_cost=service.cost_information,
        tells_tariff_change=service.tariff_time_change,
        groups=groups,
    )


def sent(seconds: int) -> int | None:
    """Seconds to tell the client, or None where they are its own matter."""
    return None if seconds == NOT_SENT else seconds


def final_unit(service: Service) -> FinalUnit:
    """What a client is told to do when the money ends; TERMINATE holds nothing else (RFC 8506, 5.6.1)."""
    if service.final_action == "terminate":
        return FinalUnit()
    is_redirect = service.final_action == "redirect"
    return FinalUnit(
        action=REDIRECT if is_redirect else RESTRICT_ACCESS,
        redirect_type=REDIRECT_TYPES.index(service.redirect_type) if is_redirect else None,
        redirect_address=service.redirect_address if is_redirect else "",
        filter_rules=service.filter_rules,
        filter_ids=service.filter_ids,
    )
