"""Statuses of the ledger as Result-Codes, and refusals that need no ledger (RFC 8506, 9)."""

from ocs.diameter.avp import example, octets
from ocs.diameter.credit_control import CCA, CCR
from ocs.diameter.framing import ResultCode
from ocs.model import ChargeStatus, OutcomeStatus

MSCC_CODES = {
    ChargeStatus.GRANTED: ResultCode.SUCCESS,
    ChargeStatus.SETTLED: ResultCode.SUCCESS,
    ChargeStatus.NO_CREDIT: ResultCode.CREDIT_LIMIT_REACHED,
    ChargeStatus.DENIED: ResultCode.END_USER_SERVICE_DENIED,
    ChargeStatus.RATING_FAILED: ResultCode.RATING_FAILED,
}

COMMAND_CODES = {
    OutcomeStatus.CHARGED: ResultCode.SUCCESS,
    OutcomeStatus.DEBITED: ResultCode.SUCCESS,
    OutcomeStatus.CLOSED: ResultCode.SUCCESS,
    OutcomeStatus.UNKNOWN: ResultCode.UNKNOWN_SESSION_ID,
    OutcomeStatus.LATE: ResultCode.UNKNOWN_SESSION_ID,
    OutcomeStatus.FOREIGN: ResultCode.UNKNOWN_SESSION_ID,
    OutcomeStatus.MISMATCH: ResultCode.UNABLE_TO_COMPLY,
    OutcomeStatus.EXISTS: ResultCode.UNABLE_TO_COMPLY,
    OutcomeStatus.UNRATED: ResultCode.RATING_FAILED,
}

#: Which refusal names the command when all services were refused, strongest first.
REFUSAL_ORDER = (ChargeStatus.DENIED, ChargeStatus.NO_CREDIT, ChargeStatus.RATING_FAILED)

MESSAGES = {
    ResultCode.CREDIT_LIMIT_REACHED: "the balance does not cover the next unit",
    ResultCode.END_USER_SERVICE_DENIED: "the subscriber may not use this service",
    ResultCode.RATING_FAILED: "there is no price for this service in these units",
    ResultCode.UNKNOWN_SESSION_ID: "no such session",
    ResultCode.UNABLE_TO_COMPLY: "the request contradicts an earlier one",
}

#: AVPs named by a Failed-AVP.
RATING_GROUP, SERVICE_CONTEXT_ID = 432, 461


def refuse(code: int, message: str, failed_avp: bytes = b"") -> CCA:
    """A refusal at command level."""
    return CCA(code, error_message=message, failed_avp=failed_avp)


def unknown_service_context(ccr: CCR) -> CCA:
    """5031, naming the Service-Context-Id (RFC 8506, 4.1.3)."""
    named = octets(SERVICE_CONTEXT_ID, ccr.service_context_id.encode())
    return refuse(ResultCode.RATING_FAILED, "this Service-Context-Id is not served", named)


def failed_rating_group(rating_group: int | None) -> bytes:
    """The Rating-Group that has no price, or an example where the request names none."""
    if rating_group is None:
        return example(RATING_GROUP)
    return octets(RATING_GROUP, rating_group.to_bytes(4, "big"))
