"""The configuration as charging's policy: every key arrives, with the codes of the standard."""

from ocs.charging.policy import ServicePolicy
from ocs.config_services import DEFAULTS, Group
from ocs.diameter.credit_control import FinalUnit
from ocs.model import UnitKind
from ocs.policies import policy_of


def policy(**changes: object) -> ServicePolicy:
    """The policy of the default data service with these changes."""
    service = DEFAULTS[0].model_copy(update=changes)
    (found,) = policy_of([service]).services
    return found


def test_default_policy() -> None:
    """The defaults of the configuration: TERMINATE, nothing told that nobody asked for."""
    found = policy()
    assert (found.name, found.contexts, found.unit) == ("data", ("32251",), UnitKind.OCTETS)
    assert (found.grant_default, found.grant_minimum) == (10 << 20, 64 << 10)
    assert (found.grant_maximum, found.validity_seconds) == (1 << 30, 3600)
    assert found.grant_seconds == 0
    assert (found.threshold_percent, found.is_refused_whole) == (20, False)
    assert (found.failure_handling, found.session_failover) == (2, 1)
    assert found.direct_debiting_failure_handling == 0
    assert (found.holding_seconds, found.consumption_seconds, found.trigger) == (None, None, None)
    assert (found.final_unit, found.restricted_validity_seconds) == (FinalUnit(), 600)
    assert not found.is_restricted_again and not found.tells_balance
    assert found.final_grace_seconds == 30
    assert (found.low_balance_micros, found.tells_cost) == (None, True)
    assert not found.tells_tariff_change and found.groups == ()


def test_every_choice() -> None:
    """Each key of the configuration reaches charging."""
    found = policy(
        refuse="command",
        failure_handling="continue",
        direct_debiting_failure_handling="continue",
        session_failover=False,
        holding_seconds=0,
        consumption_seconds=7,
        sends_trigger=True,
        restricted_validity_seconds=60,
        when_still_empty="restrict",
        final_grace_seconds=45,
        low_balance="10.50",
        remaining_balance=True,
        cost_information=False,
        tariff_time_change=True,
        grant_seconds=300,
    )
    assert found.grant_seconds == 300
    assert found.is_refused_whole and found.is_restricted_again and found.tells_balance
    assert (found.failure_handling, found.direct_debiting_failure_handling) == (1, 1)
    assert (found.session_failover, found.holding_seconds, found.consumption_seconds) == (0, 0, 7)
    assert (found.trigger, found.restricted_validity_seconds) == ((), 60)
    assert found.final_grace_seconds == 45
    assert (found.low_balance_micros, found.tells_cost) == (10_500_000, False)
    assert found.tells_tariff_change


def test_end_of_the_money() -> None:
    """The action with what belongs to it, and nothing that belongs to another."""
    given = {"redirect_address": "sip:topup@ims.example", "redirect_type": "sip"}
    filters = {"filter_ids": ("portal",), "filter_rules": ("permit out ip from any to any",)}
    assert policy(**given, **filters).final_unit == FinalUnit()
    assert policy(final_action="redirect", **given).final_unit == FinalUnit(
        1, 3, "sip:topup@ims.example"
    )
    assert policy(final_action="restrict", **given, **filters).final_unit == FinalUnit(
        2, None, "", ("permit out ip from any to any",), ("portal",)
    )


def test_rating_groups() -> None:
    """What a group leaves out is the service's."""
    own = Group(
        rating_groups=(20, 21),
        grant_default=1 << 20,
        trigger=(2,),
        sends_trigger=True,
        final_grace_seconds=0,
        grant_seconds=60,
    )
    found = policy(groups=(own,), holding_seconds=30)
    assert (found.grant_seconds, found.of_group(20).grant_seconds) == (0, 60)
    special = found.of_group(21)
    assert (special.grant_default, special.trigger) == (1 << 20, (2,))
    assert (special.holding_seconds, special.validity_seconds) == (30, 3600)
    assert (special.final_grace_seconds, found.final_grace_seconds) == (0, 30)
    assert special.groups == () and found.of_group(10) is found
