"""[[services]]: each mistake is named, each rating group gets what it leaves out from its service."""

from pathlib import Path

import pytest

from ocs.config import ConfigErrors, load
from ocs.config_services import DEFAULTS, UNITS, Service

SERVICE = """
[[services]]
name = "data"
contexts = ["32251"]
unit = "octets"
grant_default = 10
grant_maximum = 20
validity_seconds = 60
refuse = "mscc"
"""


def keys_of(folder: Path, text: str) -> list[str]:
    """The keys of the errors of a load that must fail."""
    path = folder / "ocs.toml"
    path.write_text(text)
    with pytest.raises(ConfigErrors) as found:
        load(path, {})
    assert all(each.expected for each in found.value.errors)
    return sorted(each.key for each in found.value.errors)


def loaded(folder: Path, text: str) -> tuple[Service, ...]:
    """The services of a load that must succeed."""
    path = folder / "ocs.toml"
    path.write_text(text)
    return load(path, {}).services


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("grant_seconds = -1", "grant_seconds"),
        ("grant_seconds = 61", "grant_seconds"),
        ("groups = [{ rating_groups = [1], grant_seconds = 61 }]", "groups.0.grant_seconds"),
        ("holding_seconds = -2", "holding_seconds"),
        ("holding_seconds = 86401", "holding_seconds"),
        ("consumption_seconds = -2", "consumption_seconds"),
        ("sends_trigger = 1", "sends_trigger"),
        ("trigger = [-1]", "trigger.0"),
        ("trigger = [256]", "trigger.0"),
        ('final_action = "stop"', "final_action"),
        ('final_action = "redirect"', "redirect_address"),
        ('final_action = "restrict"', "filter_ids"),
        ('redirect_type = "mail"', "redirect_type"),
        ("restricted_validity_seconds = 29", "restricted_validity_seconds"),
        ('when_still_empty = "wait"', "when_still_empty"),
        ("final_grace_seconds = -1", "final_grace_seconds"),
        ("final_grace_seconds = 86401", "final_grace_seconds"),
        ("final_grace_seconds = true", "final_grace_seconds"),
        (
            "groups = [{ rating_groups = [1], final_grace_seconds = -1 }]",
            "groups.0.final_grace_seconds",
        ),
        ("tariff_time_change = 0", "tariff_time_change"),
        ('direct_debiting_failure_handling = "terminate"', "direct_debiting_failure_handling"),
        ("session_failover = 1", "session_failover"),
        ('low_balance = "-1"', "low_balance"),
        ("low_balance = 5", "low_balance"),
        ('low_balance = "0.1234567"', "low_balance"),
        ('remaining_balance = "yes"', "remaining_balance"),
        ('cost_information = "no"', "cost_information"),
        ("groups = [{}]", "groups.0.rating_groups"),
        ("groups = [{ rating_groups = [] }]", "groups.0.rating_groups"),
        ("groups = [{ rating_groups = [4294967296] }]", "groups.0.rating_groups.0"),
        ('groups = [{ rating_groups = [1], refuse = "mscc" }]', "groups.0.refuse"),
        ("groups = [{ rating_groups = [1], grant_default = 21 }]", "groups.0.grant_default"),
        ("groups = [{ rating_groups = [1], grant_maximum = 9 }]", "groups.0.grant_default"),
        (
            'groups = [{ rating_groups = [1], final_action = "redirect" }]',
            "groups.0.redirect_address",
        ),
        ("groups = [{ rating_groups = [1] }, { rating_groups = [1] }]", "groups.1.rating_groups"),
    ],
)
def test_mistakes(tmp_path: Path, line: str, key: str) -> None:
    """One key each, as it stands in the file."""
    assert keys_of(tmp_path, SERVICE + line) == [f"services.0.{key}"]


@pytest.mark.parametrize(
    "context", ["", "8.32251", "32251@3gpp.org", "8.32251@3GPP.org", "a b", "@vas.example", "a@"]
)
def test_contexts_that_are_none(tmp_path: Path, context: str) -> None:
    """A label, or the whole of another domain."""
    text = SERVICE.replace('"32251"', f'"{context}"')
    assert keys_of(tmp_path, text) == ["services.0.contexts.0"]


def test_contexts(tmp_path: Path) -> None:
    """Both forms."""
    (found,) = loaded(tmp_path, SERVICE.replace('"32251"', '"32251", "1.content@vas.example"'))
    assert found.contexts == ("32251", "1.content@vas.example")


def test_ends_of_money(tmp_path: Path) -> None:
    """With what each action needs."""
    redirect = 'final_action = "redirect"\nredirect_address = "http://topup.example.net/"\n'
    (found,) = loaded(tmp_path, SERVICE + redirect)
    assert (found.final_action, found.redirect_type) == ("redirect", "url")
    for filters in ('filter_ids = ["portal"]', 'filter_rules = ["permit out ip from any to any"]'):
        (found,) = loaded(tmp_path, SERVICE + 'final_action = "restrict"\n' + filters)
        assert found.final_action == "restrict"


def test_pace(tmp_path: Path) -> None:
    """Fixed where nothing is said; a client that comes back after its Validity-Time is its limit."""
    assert [each.grant_seconds for each in loaded(tmp_path, SERVICE)] == [0]
    (found,) = loaded(tmp_path, SERVICE + "grant_seconds = 60")
    assert found.grant_seconds == 60
    messages = SERVICE.replace("data", "sms").replace("octets", "events")
    assert loaded(tmp_path, messages + "grant_seconds = 0")
    assert keys_of(tmp_path, messages + "grant_seconds = 60") == ["services.0.grant_seconds"]


@pytest.mark.parametrize(("line", "seconds"), [("", 30), ("0", 0), ("86400", 86400)])
def test_grace(tmp_path: Path, line: str, seconds: int) -> None:
    """Half a minute where nothing is said; none for ever; a day at the most."""
    text = SERVICE + (line and f"final_grace_seconds = {line}")
    assert [each.final_grace_seconds for each in loaded(tmp_path, text)] == [seconds]


def test_groups(tmp_path: Path) -> None:
    """Their bounds are judged with what they take from the service."""
    groups = """
[[services.groups]]
rating_groups = [1, 2]
grant_default = 20
[[services.groups]]
rating_groups = [3]
grant_maximum = 40
grant_default = 40
"""
    (found,) = loaded(tmp_path, SERVICE + groups)
    assert [each.rating_groups for each in found.groups] == [(1, 2), (3,)]
    assert [each.validity_seconds for each in found.groups] == [None, None]


def test_defaults() -> None:
    """One for each kind of client, in the units that the tariffs price."""
    assert [each.name for each in DEFAULTS] == ["data", "voice", "sms", "mms", "vas"]
    assert all(each.unit == UNITS[each.name] for each in DEFAULTS)
    contexts = [one for each in DEFAULTS for one in each.contexts]
    assert len(contexts) == len(set(contexts)) == 6
