"""Short ways to write requests, policies and the catalogue of worked sequences."""

import shutil
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

from ocs.charging.policy import ChargingPolicy, ServicePolicy
from ocs.diameter.credit_control import CCR, MSCC, USU, FinalUnit, Units
from ocs.model import (
    AccountId,
    Identity,
    IdentityKind,
    Partition,
    Subscriber,
    SubscriberState,
    UnitKind,
)
from ocs.rating.catalogue import Catalogue, Currency, load
from ocs.rating.versions import Catalogues

DATA_FOLDER = Path(__file__).parent / "data"
CONFIGURED = Path(__file__).parents[2] / "config" / "catalogue"

MIB = 1 << 20
KZT = Currency("KZT", 398, 2)
MSISDN, IMSI = "77011112233", "401021112223344"
ON_NET = "+77012223344"

VOICE = ServicePolicy(
    name="voice",
    contexts=("32260", "32276"),
    unit=UnitKind.SECONDS,
    grant_default=60,
    grant_minimum=1,
    grant_maximum=3600,
    validity_seconds=600,
    threshold_percent=9,  # 5 s of a minute
    is_refused_whole=True,
)
DATA = ServicePolicy(
    name="data",
    contexts=("32251",),
    unit=UnitKind.OCTETS,
    grant_default=100 * MIB,
    grant_minimum=64 << 10,
    grant_maximum=1 << 30,
    validity_seconds=3600,
    threshold_percent=20,
    is_refused_whole=False,
)
SMS = ServicePolicy(
    name="sms",
    contexts=("32274",),
    unit=UnitKind.EVENTS,
    grant_default=1,
    grant_minimum=1,
    grant_maximum=100,
    validity_seconds=600,
    threshold_percent=0,
    is_refused_whole=True,
)
MMS = replace(SMS, name="mms", contexts=("32270",))
VAS = replace(SMS, name="vas", contexts=("content@vas.example",))
POLICY = ChargingPolicy((DATA, VOICE, SMS, MMS, VAS))

#: What a captive portal is: data that ends is redirected for ten minutes at a time.
REDIRECT = FinalUnit(1, redirect_type=2, redirect_address="http://topup.example.net/")
RESTRICT = FinalUnit(2, filter_ids=("walled-garden",))
REDIRECTED = replace(DATA, final_unit=REDIRECT)

SUBSCRIBER = Subscriber(
    AccountId("7"),
    Partition(7),
    version=3,
    tariff="worked",
    state=SubscriberState.ACTIVE,
    identities=(Identity(IdentityKind.E164, MSISDN),),
)

#: A wish that leaves the amount to the server, and none.
ANY, NONE = Units(), None


@cache
def catalogue() -> Catalogue:
    """The configured currency and destinations with the tariffs of this folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in (
            CONFIGURED / "catalogue.toml",
            CONFIGURED / "destinations.csv",
            *DATA_FOLDER.glob("*.toml"),
        ):
            shutil.copy(path, folder)
        return load(folder)


@cache
def catalogues() -> Catalogues:
    """That one version."""
    return Catalogues((catalogue(),))


def seconds(amount: int) -> Units:
    """CC-Time."""
    return Units(time=amount)


def octets(amount: int) -> Units:
    """CC-Total-Octets."""
    return Units(total_octets=amount)


def mscc(
    rating_group: int | None, used: Units | None = None, rsu: Units | None = NONE, *services: int
) -> MSCC:
    """One service: what was used and what is wished."""
    return MSCC(rating_group, services, rsu, () if used is None else (USU(used),))


def data(kind: int, number: int, *services: MSCC, session: bytes = b"pgw1;1;2") -> CCR:
    """A request of a gateway."""
    return CCR(
        hop_by_hop=0x11,
        end_to_end=0x22,
        flags=0xC0,
        session_id=session,
        origin_host="pgw1.example.net",
        origin_realm="example.net",
        destination_realm="ocs.example",
        destination_host=None,
        service_context_id="32251@3gpp.org",
        request_type=kind,
        request_number=number,
        subscription_ids=((0, MSISDN),) if kind == 1 else (),
        mscc=services,
    )


def voice(kind: int, number: int, *services: MSCC, session: bytes = b"scscf1;1;2") -> CCR:
    """A request of a call that this subscriber makes to an on-net number."""
    return replace(
        data(kind, number, *services, session=session),
        origin_host="scscf1.example.net",
        service_context_id="ext.01.001.8.32260@3gpp.org",
        calling=(f"tel:+{MSISDN}",) if kind == 1 else (),
        called=f"tel:{ON_NET}" if kind == 1 else None,
        role_of_node=0 if kind == 1 else None,
    )


def sms(kind: int, number: int, *services: MSCC, session: bytes = b"smsc1;1;2") -> CCR:
    """A request of a message centre about a message to an on-net number."""
    return replace(
        data(kind, number, *services, session=session),
        origin_host="smsc1.example.net",
        service_context_id="6.32274@3gpp.org",
        subscription_ids=((0, MSISDN),),
        recipients=(ON_NET,) if kind in (1, 4) else (),
    )


def event(action: int, *services: MSCC, session: bytes = b"smsc1;1;2", number: int = 0) -> CCR:
    """A message charged at once, asked about or given back."""
    return replace(sms(4, number, *services, session=session), requested_action=action)


def messages(amount: int) -> Units:
    """CC-Service-Specific-Units."""
    return Units(specific=amount)
