"""A small traffic without sockets: requests are read by the server's decoder, answers are made by hand."""

from collections.abc import Sequence
from dataclasses import replace

from ocs.diameter.cca import encode_cca
from ocs.diameter.ccr import decode_ccr
from ocs.diameter.credit_control import CCA, CCR, FinalUnit, MSCCAnswer, Units
from ocs.load.templates import Sender
from ocs.load.traffic import Books, Session, Traffic
from ocs.load.workload import Service, Workload

DATA = Service("data", 100, updates=2, used=(100, 100), price=20_000_000, per=1 << 20, step=1024)
VOICE = Service("voice", 100, updates=2, used=(20, 20), price=11_000_000, per=60)
SMS = Service("sms", 100, price=12_000_000)
SENDERS = (Sender("load-0.load.example", "load.example", "ocs.example", "0badf00d"),)


def traffic_of(service: Service, sessions: int = 1, **changes: float) -> Traffic:
    """Sessions of one service on one account."""
    workload = Workload("test", 1, sessions, (service,), "t", 10**9)
    workload = replace(workload, **changes)  # type: ignore[arg-type]  # numbers by name
    return Traffic(workload, SENDERS, 999_000_000_000, Books([0]), seed=1)


def sent(traffic: Traffic, session: Session, hop: int = 1) -> CCR:
    """What the server gets."""
    return decode_ccr(bytes(traffic.request(session, hop)))


def grant(units: int, *, is_final: bool = False, group: int = 10) -> MSCCAnswer:
    """Quota for one service, in octets."""
    final = FinalUnit() if is_final else None
    return MSCCAnswer(group, (), 2001, gsu=Units(total_octets=units), final_unit=final)


def reply(ccr: CCR, code: int = 2001, services: Sequence[MSCCAnswer] = ()) -> bytes:
    """What the server answers."""
    return encode_cca(ccr, CCA(code, tuple(services)), "ocs1.ocs.example", "ocs.example")


def step(traffic: Traffic, session: Session, code: int = 2001, *services: MSCCAnswer) -> CCR:
    """One request and its answer."""
    ccr = sent(traffic, session)
    traffic.answered(session, reply(ccr, code, services))
    return ccr
