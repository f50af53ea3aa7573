"""CCR and CCA as values (RFC 8506, 3.1 and 3.2; TS 32.299, 6.4)."""

from dataclasses import dataclass

from ocs.value import value

INITIAL_REQUEST, UPDATE_REQUEST, TERMINATION_REQUEST, EVENT_REQUEST = 1, 2, 3, 4


@value
class Money:
    """CC-Money (413): digits times ten to the exponent; None: the account's currency."""

    digits: int
    exponent: int = 0  # -9 to 9
    currency: int | None = None


@value
class Units:
    """The unit AVPs of one RSU, GSU or USU; None where the AVP is absent."""

    time: int | None = None
    total_octets: int | None = None
    input_octets: int | None = None
    output_octets: int | None = None
    specific: int | None = None
    money: Money | None = None

    @property
    def octets(self) -> int | None:
        """CC-Total-Octets, or the sum of both directions where there is no total."""
        if self.total_octets is not None:
            return self.total_octets
        if self.input_octets is None and self.output_octets is None:
            return None
        return (self.input_octets or 0) + (self.output_octets or 0)


@value
class USU:
    """Used-Service-Unit (446)."""

    units: Units
    reporting_reason: int | None = None
    tariff_change_usage: int | None = None


@value
class MSCC:
    """Multiple-Services-Credit-Control (456) of a request."""

    rating_group: int | None = None
    service_identifiers: tuple[int, ...] = ()
    rsu: Units | None = None  # present and empty: the server chooses; None: report only
    usu: tuple[USU, ...] = ()
    reporting_reason: int | None = None
    refund_information: bytes = b""


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
    rat_type: int | None = None  # 3GPP-RAT-Type
    user_location: bytes = b""  # 3GPP-User-Location-Info as received
    sgsn_address: str | None = None
    ggsn_address: str | None = None
    charging_id: int | None = None  # 3GPP-Charging-Id
    ims_charging_id: str | None = None  # IMS-Charging-Identifier
    recipients: tuple[str, ...] = ()  # Address-Data of each recipient of an SMS or MMS
    originator: str | None = None  # Address-Data of the sender of an SMS or MMS
    messages: int | None = None  # Number-Of-Messages-Sent
    message_class: int | None = None  # Class-Identifier of an MMS: 0 personal, 1 advertisement ...
    multiple_services: int | None = None  # Multiple-Services-Indicator
    correlation_id: bytes = b""  # CC-Correlation-Id
    refund_information: bytes = b""  # at command level, of a client without MSCC
    route_records: tuple[str, ...] = ()
    proxy_info: bytes = b""  # every Proxy-Info AVP, octet for octet, in order


@value
class FinalUnit:
    """Final-Unit-Indication (430): 0 TERMINATE, 1 REDIRECT, 2 RESTRICT_ACCESS."""

    action: int = 0
    redirect_type: int | None = None  # Redirect-Address-Type: 0 IPv4, 1 IPv6, 2 URL, 3 SIP URI
    redirect_address: str = ""
    filter_rules: tuple[str, ...] = ()  # Restriction-Filter-Rule
    filter_ids: tuple[str, ...] = ()  # Filter-Id


@value
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
    unit_threshold: int | None = None
    holding_seconds: int | None = None  # Quota-Holding-Time
    consumption_seconds: int | None = None  # Quota-Consumption-Time
    trigger: tuple[int, ...] | None = None  # Trigger-Types; (): an empty Trigger; None: absent
    tariff_time_change: int | None = None  # UTC seconds, inside the GSU
    refund_information: bytes = b""


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
    direct_debiting_failure_handling: int | None = None
    check_balance_result: int | None = None  # 0 ENOUGH_CREDIT, 1 NO_CREDIT
    low_balance: int | None = None  # Low-Balance-Indication: 0 not applicable, 1 yes
    remaining_balance: tuple[int, int, int] | None = None  # digits, exponent, currency
    refund_information: bytes = b""  # at command level, for a client without MSCC
