"""The configured choices of charging: which services are known, how large a grant is."""

from dataclasses import dataclass

from ocs.model import UnitKind

RETRY_AND_TERMINATE = 2
SUPPORTED = 1


@dataclass(frozen=True, slots=True)
class ServicePolicy:
    """How one service is charged. Grants are in the service's units."""

    name: str
    contexts: tuple[str, ...]  # service-context labels: "32251"
    unit: UnitKind
    grant_default: int
    grant_minimum: int
    grant_maximum: int
    validity_seconds: int
    threshold_percent: int
    is_refused_whole: bool  # no grant at all refuses the command and ends the session
    failure_handling: int = RETRY_AND_TERMINATE
    session_failover: int = SUPPORTED


@dataclass(frozen=True, slots=True)
class ChargingPolicy:
    """All services."""

    services: tuple[ServicePolicy, ...]

    def service_for(self, service_context_id: str) -> ServicePolicy | None:
        """The service that a Service-Context-Id names, or None (TS 32.299, 7.1.12).

        `[extensions].[MNC].[MCC].[release].<service-context>@<domain>`; many clients send only the last
        label before the domain, which is the one that tells.
        """
        prefix, at, domain = service_context_id.partition("@")
        if not at or domain.lower() != "3gpp.org":
            return None
        label = prefix.rpartition(".")[2]
        return next((each for each in self.services if label in each.contexts), None)
