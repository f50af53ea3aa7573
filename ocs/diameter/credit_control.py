"""CCR and CCA as values (RFC 8506, 3.1 and 3.2; TS 32.299, 6.4)."""

from dataclasses import dataclass

INITIAL_REQUEST, UPDATE_REQUEST, TERMINATION_REQUEST, EVENT_REQUEST = 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class Units:
    """The unit AVPs of one RSU, GSU or USU; None where the AVP is absent."""

    time: int | None = None
    total_octets: int | None = None
    input_octets: int | None = None
    output_octets: int | None = None
    specific: int | None = None

    @property
    def octets(self) -> int | None:
        """CC-Total-Octets, or the sum of both directions where there is no total."""
        if self.total_octets is not None:
            return self.total_octets
        if self.input_octets is None and self.output_octets is None:
            return None
        return (self.input_octets or 0) + (self.output_octets or 0)


@dataclass(frozen=True, slots=True)
class USU:
    """Used-Service-Unit (446)."""

    units: Units
    reporting_reason: int | None = None
    tariff_change_usage: int | None = None


@dataclass(frozen=True, slots=True)
class MSCC:
    """Multiple-Services-Credit-Control (456) of a request."""

    rating_group: int | None = None
    service_identifiers: tuple[int, ...] = ()
    rsu: Units | None = None  # present and empty: the server chooses; None: report only
    usu: tuple[USU, ...] = ()
    reporting_reason: int | None = None


@dataclass(slots=True)
class CCR:
    """A Credit-Control-Request as charging needs it; AVPs nobody reads are not kept."""

    hop_by_hop: int
    end_to_end: int
    flags: int  # command flags as received
    session_id: bytes
    origin_host: str
    origin_realm: str
    destination_realm: str
    destination_host: str | None
    service_context_id: str
    request_type: int  # CC-Request-Type: 1 I, 2 U, 3 T, 4 E
    request_number: int
    sub_session_id: int | None = None
    origin_state_id: int | None = None
    event_timestamp: int | None = None  # UTC seconds
    subscription_ids: tuple[tuple[int, str], ...] = ()  # (Subscription-Id-Type, data as received)
    user_name: str | None = None
    requested_action: int | None = None
    termination_cause: int | None = None
    mscc: tuple[MSCC, ...] = ()
    command_rsu: Units | None = None  # units at command level (RFC clients)
    command_usu: tuple[USU, ...] = ()
    command_service_identifier: int | None = None
    calling: tuple[str, ...] = ()  # Calling-Party-Address, IMS or VCS
    called: str | None = None  # Called-Party-Address, else Requested-Party-Address
    role_of_node: int | None = None  # 0 originating, 1 terminating
    apn: str | None = None  # Called-Station-Id in PS-Information
    serving_plmn: str | None = None  # 3GPP-SGSN-MCC-MNC
    route_records: tuple[str, ...] = ()
    proxy_info: bytes = b""  # every Proxy-Info AVP, octet for octet, in order


@dataclass(frozen=True, slots=True)
class FinalUnit:
    """Final-Unit-Indication (430). Only TERMINATE for now."""

    action: int = 0


@dataclass(frozen=True, slots=True)
class MSCCAnswer:
    """Multiple-Services-Credit-Control (456) of an answer."""

    rating_group: int | None
    service_identifiers: tuple[int, ...]
    result_code: int
    gsu: Units | None = None
    validity_seconds: int | None = None
    final_unit: FinalUnit | None = None
    time_threshold: int | None = None
    volume_threshold: int | None = None


@dataclass(slots=True)
class CCA:
    """A Credit-Control-Answer, without what is copied from its request."""

    result_code: int
    mscc: tuple[MSCCAnswer, ...] = ()
    command_gsu: Units | None = None  # only to a client that asked at command level
    command_validity_seconds: int | None = None
    command_final_unit: FinalUnit | None = None
    failure_handling: int | None = None  # Credit-Control-Failure-Handling, in a CCA-I
    session_failover: int | None = None  # CC-Session-Failover, in a CCA-I
    cost: tuple[int, int, int] | None = None  # Cost-Information: digits, exponent, currency
    error_message: str | None = None
    failed_avp: bytes = b""  # the whole offending AVP, header included
