"""The Result-Code tables: every status has its code, and 5031 names its cause."""

import pytest

from ocs.charging.result import (
    COMMAND_CODES,
    MESSAGES,
    MSCC_CODES,
    REFUSAL_ORDER,
    failed_rating_group,
    refuse,
    unknown_service_context,
)
from ocs.model import ChargeStatus, OutcomeStatus
from tests.charging.worked import data


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (ChargeStatus.DENIED, 4010),
        (ChargeStatus.NO_CREDIT, 4012),
        (ChargeStatus.RATING_FAILED, 5031),
        (ChargeStatus.SETTLED, 2001),
        (ChargeStatus.GRANTED, 2001),
    ],
)
def test_codes_of_a_service(status: ChargeStatus, code: int) -> None:
    """RFC 8506, 9: 4012 for want of money alone."""
    assert MSCC_CODES[status] == code


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (OutcomeStatus.UNKNOWN, 5002),
        (OutcomeStatus.LATE, 5002),
        (OutcomeStatus.MISMATCH, 5012),
        (OutcomeStatus.EXISTS, 5012),
        (OutcomeStatus.UNRATED, 5031),
        (OutcomeStatus.CHARGED, 2001),
        (OutcomeStatus.CLOSED, 2001),
    ],
)
def test_codes_of_a_command(status: OutcomeStatus, code: int) -> None:
    """RFC 8506, 7, and RFC 6733, 7.1.5 for a request that contradicts an earlier one."""
    assert COMMAND_CODES[status] == code


def test_tables_are_complete() -> None:
    """Every status is answered; STALE is planned again, REFUSED takes the code of its services."""
    assert set(MSCC_CODES) == set(ChargeStatus)
    assert set(COMMAND_CODES) == set(OutcomeStatus) - {OutcomeStatus.STALE, OutcomeStatus.REFUSED}
    refusals = {each for each, code in MSCC_CODES.items() if code != 2001}
    assert set(REFUSAL_ORDER) == refusals and len(REFUSAL_ORDER) == len(refusals)
    sent = {*MSCC_CODES.values(), *COMMAND_CODES.values()} - {2001}
    assert set(MESSAGES) == sent and all(MESSAGES.values())


def test_unknown_service_context() -> None:
    """5031 with a copy of the Service-Context-Id: code 461, M, length 8 + 13, padded to 24."""
    ccr = data(1, 0)
    ccr.service_context_id = "1.2@other.org"
    cca = unknown_service_context(ccr)
    assert cca.result_code == 5031
    assert cca.failed_avp == bytes.fromhex("000001cd40000015") + b"1.2@other.org\0\0\0"
    assert cca.error_message


def test_failed_rating_group() -> None:
    """The Rating-Group, or a zero-filled example where none was named (RFC 6733, 7.5)."""
    assert failed_rating_group(10) == bytes.fromhex("000001b0 4000000c 0000000a")
    assert failed_rating_group(2**32 - 1) == bytes.fromhex("000001b0 4000000c ffffffff")
    assert failed_rating_group(None) == bytes.fromhex("000001b0 4000000c 00000000")


def test_refusal_grants_nothing() -> None:
    """A refusal at command level holds its code and its reason, and nothing else."""
    cca = refuse(5030, "nobody")
    assert (cca.result_code, cca.error_message) == (5030, "nobody")
    assert not cca.mscc and cca.command_gsu is None and cca.cost is None and not cca.failed_avp
