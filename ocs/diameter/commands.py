"""The commands by name, and what a message is to the peer machine (RFC 6733, 3 and 7.1)."""

from enum import Enum, auto

from ocs.diameter.framing import (
    ASR,
    BASE_APPLICATION,
    CCR,
    CER,
    CREDIT_CONTROL_APPLICATION,
    DPR,
    DWR,
    FLAG_E,
    FLAG_R,
    RAR,
    Header,
    ProtocolError,
    ResultCode,
)

#: Short names of answer and request, by command code.
NAMES = {
    CER: ("CEA", "CER"),
    RAR: ("RAA", "RAR"),
    CCR: ("CCA", "CCR"),
    ASR: ("ASA", "ASR"),
    DWR: ("DWA", "DWR"),
    DPR: ("DPA", "DPR"),
}


class Input(Enum):
    CER = auto()
    DWR = auto()
    DPR = auto()
    BASE_ANSWER = auto()
    REQUEST = auto()
    ANSWER = auto()


#: The words of a header that every CCR has, but for P and T, which an agent and a client may set.
_CCR = (1, FLAG_R, CCR, CREDIT_CONTROL_APPLICATION)


def is_plain_ccr(header: Header) -> bool:
    """Whether `classify` and `command_name` have nothing to look for: a CCR as nearly all messages are."""
    flags = header.flags & (FLAG_R | FLAG_E)
    return (header.version, flags, header.command, header.application) == _CCR


def command_name(header: Header) -> str:
    """The standard's short name of a message; "other" for what this server does not speak."""
    answer, request = NAMES.get(header.command, ("other", "other"))
    return request if header.is_request else answer


def classify(header: Header) -> Input:
    """What a message is to the machine; ProtocolError for one that no state knows."""
    if header.version != 1:
        raise ProtocolError(ResultCode.UNSUPPORTED_VERSION, f"version {header.version}")
    if header.is_request and header.flags & FLAG_E:
        raise ProtocolError(ResultCode.INVALID_HDR_BITS, "a request with the E bit")
    if header.application == BASE_APPLICATION and header.command in (CER, DWR, DPR):
        if not header.is_request:
            return Input.BASE_ANSWER
        return {CER: Input.CER, DWR: Input.DWR, DPR: Input.DPR}[header.command]
    if not header.is_request:
        return Input.ANSWER
    if header.application not in (BASE_APPLICATION, CREDIT_CONTROL_APPLICATION):
        raise ProtocolError(
            ResultCode.APPLICATION_UNSUPPORTED, f"application {header.application} is not served"
        )
    if (header.application, header.command) != (CREDIT_CONTROL_APPLICATION, CCR):
        raise ProtocolError(
            ResultCode.COMMAND_UNSUPPORTED, f"command {header.command} is not served"
        )
    return Input.REQUEST
