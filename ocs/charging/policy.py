"""The configured choices of charging: which services are known, how large a grant is, how money ends."""

from dataclasses import dataclass

from ocs.diameter.credit_control import FinalUnit
from ocs.model import UnitKind

RETRY_AND_TERMINATE = 2
SUPPORTED = 1
TERMINATE_OR_BUFFER = 0
TERMINATE = 0  # Final-Unit-Action
ENDS = FinalUnit(TERMINATE)


@dataclass(frozen=True, slots=True)
class ServicePolicy:
    """How one service, or one rating group of it, is charged. Grants are in the service's units."""

    name: str
    contexts: tuple[
        str, ...
    ]  # service-context labels: "32251"; with "@" a whole Service-Context-Id
    unit: UnitKind
    grant_default: int
    grant_minimum: int
    grant_maximum: int
    validity_seconds: int
    threshold_percent: int
    is_refused_whole: bool  # no grant at all refuses the command and ends the session
    failure_handling: int = RETRY_AND_TERMINATE
    session_failover: int = SUPPORTED
    direct_debiting_failure_handling: int = TERMINATE_OR_BUFFER
    holding_seconds: int | None = None  # Quota-Holding-Time; None: the client's own
    consumption_seconds: int | None = None  # Quota-Consumption-Time, of quota in time
    trigger: tuple[int, ...] | None = None  # (): no event re-authorises; None: the client's own
    final_unit: FinalUnit = ENDS
    restricted_validity_seconds: int = 600  # how long a redirection or restriction may last
    is_restricted_again: bool = False  # still no money then: restricted on, instead of 4012
    final_grace_seconds: int = 30  # how long a client may ignore that it must end; 0: for ever
    low_balance_micros: int | None = None  # below it Low-Balance-Indication is said; None: never
    tells_balance: bool = False  # Remaining-Balance
    tells_cost: bool = True  # Cost-Information at the end of a session and of a debit
    grant_seconds: int = 0  # after which a client should come back at its own pace; 0: fixed
    tells_tariff_change: bool = False  # Tariff-Time-Change: the client splits its reports by it
    groups: tuple[tuple[frozenset[int], "ServicePolicy"], ...] = ()

    def of_group(self, rating_group: int | None) -> "ServicePolicy":
        """The choices for a rating group: its own, else the service's."""
        if not self.groups:
            return self
        return next((own for members, own in self.groups if rating_group in members), self)

    def final_seconds(self, unit: UnitKind, validity_seconds: int) -> int:
        """How long a client with its last units may be silent; 0 where that is not watched.

        A grant of time is over by itself, and the seconds begin then; anything else is over with its
        Validity-Time at the latest. Who is redirected or restricted goes on (RFC 8506, 5.6).
        """
        if self.final_unit.action != TERMINATE or not self.final_grace_seconds:
            return 0
        return self.final_grace_seconds + (0 if unit is UnitKind.SECONDS else validity_seconds)


@dataclass(frozen=True, slots=True)
class ChargingPolicy:
    """All services."""

    services: tuple[ServicePolicy, ...]

    def service_for(self, service_context_id: str) -> ServicePolicy | None:
        """The service that a Service-Context-Id names, or None (TS 32.299, 7.1.12).

        `[extensions].[MNC].[MCC].[release].<service-context>@<domain>`; many clients send only the last
        label before the domain, which is the one that tells. A platform with a domain of its own
        (RFC 8506, 8.42) is known by the whole.
        """
        whole = service_context_id.lower()
        prefix, at, domain = whole.partition("@")
        label = prefix.rpartition(".")[2]
        named = {whole} if at else set()
        if domain == "3gpp.org":
            named.add(label)
        return next(
            (each for each in self.services if named & {one.lower() for one in each.contexts}), None
        )
