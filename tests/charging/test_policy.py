"""Which service a Service-Context-Id names (TS 32.299, 7.1.12); how long final units may be ignored."""

from dataclasses import replace

import pytest

from ocs.diameter.credit_control import FinalUnit
from ocs.model import UnitKind
from tests.charging.worked import DATA, POLICY, VAS, VOICE


@pytest.mark.parametrize(
    "named",
    [
        "",
        "32251",
        "@3gpp.org",
        "32251@",
        "32251@example.org",
        "32251@3gpp.org.example.org",
        "32251@x@3gpp.org",
        "32271@3gpp.org",
        "32251.8@3gpp.org",
        "x32251@3gpp.org",
        "32251 @3gpp.org",
    ],
)
def test_not_served(named: str) -> None:
    """Another domain, another label or no label is no service of ours."""
    assert POLICY.service_for(named) is None


@pytest.mark.parametrize(
    ("named", "service"),
    [
        ("32251@3gpp.org", DATA),
        ("8.32251@3gpp.org", DATA),
        ("32251@3GPP.ORG", DATA),
        ("ext.01.001.8.32260@3gpp.org", VOICE),
        ("6.32276@3gpp.org", VOICE),
    ],
)
def test_served(named: str, service: object) -> None:
    """The last label before the domain decides, with or without the labels in front of it."""
    assert POLICY.service_for(named) is service


@pytest.mark.parametrize("named", ["vas.example", "@vas.example", "other@vas.example", "content@"])
def test_another_platform(named: str) -> None:
    """A domain of its own is known by the whole identifier only."""
    assert POLICY.service_for(named) is None


@pytest.mark.parametrize("named", ["content@vas.example", "Content@VAS.example"])
def test_platform_with_a_domain_of_its_own(named: str) -> None:
    """Listed whole (RFC 8506, 8.42)."""
    assert POLICY.service_for(named) is VAS


def test_choices_of_a_rating_group() -> None:
    """Its own where it has some; the service's for others, and where none is named."""
    own, other = replace(DATA, grant_default=1), replace(DATA, grant_default=2)
    policy = replace(DATA, groups=((frozenset({1, 2}), own), (frozenset({3}), other)))
    assert policy.of_group(2) is own and policy.of_group(3) is other
    assert policy.of_group(4) is policy and policy.of_group(None) is policy


@pytest.mark.parametrize("action", [1, 2], ids=["redirect", "restrict"])
@pytest.mark.parametrize("unit", [*UnitKind])
def test_final_units_that_are_not_watched(action: int, unit: UnitKind) -> None:
    """A client that is redirected or restricted goes on; no grace means never."""
    stays = replace(DATA, final_unit=FinalUnit(action))
    assert stays.final_seconds(unit, 600) == 0
    assert replace(DATA, final_grace_seconds=0).final_seconds(unit, 600) == 0


@pytest.mark.parametrize(
    ("unit", "seconds"),
    [
        (UnitKind.SECONDS, 20),
        (UnitKind.OCTETS, 620),
        (UnitKind.EVENTS, 620),
        (UnitKind.MONEY, 620),
    ],
)
def test_final_units_that_are_watched(unit: UnitKind, seconds: int) -> None:
    """Behind a grant of time its grace; behind the Validity-Time of any other (RFC 8506, 5.6.1)."""
    assert replace(DATA, final_grace_seconds=20).final_seconds(unit, 600) == seconds
