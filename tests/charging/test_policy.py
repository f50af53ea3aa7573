"""Which service a Service-Context-Id names (TS 32.299, 7.1.12)."""

import pytest

from tests.charging.worked import DATA, POLICY, VOICE


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
        "32274@3gpp.org",
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
