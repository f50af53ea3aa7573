"""[[services]] of the configuration: what each service counts, how large quota is, how money ends.

A rating group may have choices of its own: [[services.groups]] with any of the quota keys.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictInt

#: What each service is counted in; the catalogue prices it in nothing else.
UNITS = {
    "data": "octets",
    "voice": "seconds",
    "video": "seconds",
    "sms": "events",
    "mms": "events",
    "vas": "events",
}
#: Quota-Holding-Time and Quota-Consumption-Time: not sent, the client has its own.
NOT_SENT = -1

_LABEL = re.compile(r"[^.@\s]+|[^@\s]+@[^@\s]+")


class Section(BaseModel):
    """Unknown keys are errors; a loaded configuration does not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _context(value: str) -> str:
    if not _LABEL.fullmatch(value) or value.lower().endswith("@3gpp.org"):
        raise ValueError('a label like "32251", or a whole Service-Context-Id of another domain')
    return value


ContextLabel = Annotated[str, AfterValidator(_context)]
Grant = Annotated[StrictInt, Field(ge=1, lt=2**31)]
GrantSeconds = Annotated[StrictInt, Field(ge=0, le=86400)]
Validity = Annotated[StrictInt, Field(ge=30, le=86400)]
Percent = Annotated[StrictInt, Field(ge=0, le=90)]
Idle = Annotated[StrictInt, Field(ge=NOT_SENT, le=86400)]
Grace = Annotated[StrictInt, Field(ge=0, le=86400)]
Triggers = tuple[Annotated[StrictInt, Field(ge=0, le=255)], ...]
FinalAction = Literal["terminate", "redirect", "restrict"]
RedirectType = Literal["ipv4", "ipv6", "url", "sip"]
StillEmpty = Literal["refuse", "restrict"]
RatingGroup = Annotated[StrictInt, Field(ge=0, lt=2**32)]
Amount = Annotated[str, Field(pattern=r"^$|^[0-9]{1,9}(\.[0-9]{1,6})?$")]


class Group(Section):
    """[[services.groups]]: what is left out is the service's."""

    rating_groups: tuple[RatingGroup, ...]
    grant_default: Grant | None = None
    grant_minimum: Grant | None = None
    grant_maximum: Grant | None = None
    grant_seconds: GrantSeconds | None = None
    validity_seconds: Validity | None = None
    threshold_percent: Percent | None = None
    holding_seconds: Idle | None = None
    consumption_seconds: Idle | None = None
    sends_trigger: StrictBool | None = None
    trigger: Triggers | None = None
    final_action: FinalAction | None = None
    redirect_type: RedirectType | None = None
    redirect_address: str | None = None
    filter_rules: tuple[str, ...] | None = None
    filter_ids: tuple[str, ...] | None = None
    restricted_validity_seconds: Validity | None = None
    when_still_empty: StillEmpty | None = None
    final_grace_seconds: Grace | None = None
    tariff_time_change: StrictBool | None = None


class Service(Section):
    """[[services]]"""

    name: Literal["data", "voice", "video", "sms", "mms", "vas"]
    contexts: tuple[ContextLabel, ...]
    unit: Literal["octets", "seconds", "events"]
    grant_default: Grant
    grant_minimum: Grant = 1
    grant_maximum: Grant
    grant_seconds: GrantSeconds = 0
    validity_seconds: Validity
    threshold_percent: Percent = 20
    holding_seconds: Idle = NOT_SENT
    consumption_seconds: Idle = NOT_SENT
    sends_trigger: StrictBool = False
    trigger: Triggers = ()
    refuse: Literal["mscc", "command"]
    final_action: FinalAction = "terminate"
    redirect_type: RedirectType = "url"
    redirect_address: str = ""
    filter_rules: tuple[str, ...] = ()
    filter_ids: tuple[str, ...] = ()
    restricted_validity_seconds: Validity = 600
    when_still_empty: StillEmpty = "refuse"
    final_grace_seconds: Grace = 30
    tariff_time_change: StrictBool = False
    failure_handling: Literal["terminate", "continue", "retry_and_terminate"] = (
        "retry_and_terminate"
    )
    direct_debiting_failure_handling: Literal["terminate_or_buffer", "continue"] = (
        "terminate_or_buffer"
    )
    session_failover: StrictBool = True
    low_balance: Amount = ""
    remaining_balance: StrictBool = False
    cost_information: StrictBool = True
    groups: tuple[Group, ...] = ()


def _messages(name: Literal["sms", "mms", "vas"], context: str) -> Service:
    return Service(
        name=name,
        contexts=(context,),
        unit="events",
        grant_default=1,
        grant_maximum=100,
        validity_seconds=600,
        threshold_percent=0,
        refuse="command",
    )


DEFAULTS = (
    Service(
        name="data",
        contexts=("32251",),
        unit="octets",
        grant_default=10 << 20,
        grant_minimum=64 << 10,
        grant_maximum=1 << 30,
        validity_seconds=3600,
        refuse="mscc",
    ),
    Service(
        name="voice",
        contexts=("32260", "32276"),
        unit="seconds",
        grant_default=60,
        grant_maximum=3600,
        validity_seconds=600,
        refuse="command",
    ),
    _messages("sms", "32274"),
    _messages("mms", "32270"),
    _messages("vas", "vas@ocs.example"),
)


def contradictions(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Keys of the services that do not fit each other, as (key, expected), whatever else is wrong."""
    if values.get("services") == []:
        yield "services", "at least one"
    names: set[object] = set()
    contexts: set[object] = set()
    for where, each in tables(values, "services"):
        unit = UNITS.get(str(each.get("name")))
        if unit is not None and each.get("unit") in UNITS.values() and each["unit"] != unit:
            yield f"{where}.unit", f"{unit}: what {each['name']} is counted in"
        yield from once(f"{where}.name", each.get("name"), names)
        given = each.get("contexts")
        if given == []:
            yield f"{where}.contexts", "at least one"
        for label in given if isinstance(given, list) else []:
            yield from once(f"{where}.contexts", label, contexts)
        yield from _quota(where, each)
        groups: set[object] = set()
        for inner, own in tables(each, "groups"):
            yield from _quota(f"{where}.{inner}", {**each, **own})
            listed = own.get("rating_groups")
            if listed == []:
                yield f"{where}.{inner}.rating_groups", "at least one"
            for group in listed if isinstance(listed, list) else []:
                if group in groups:
                    yield f"{where}.{inner}.rating_groups", f"{group} once"
                groups.add(group)


def tables(values: Mapping[str, Any], name: str) -> list[tuple[str, dict[str, Any]]]:
    """The entries of an array of tables, each with its key."""
    found = values.get(name)
    listed = found if isinstance(found, list) else []
    return [(f"{name}.{i}", each) for i, each in enumerate(listed) if isinstance(each, dict)]


def once(key: str, value: object, seen: set[object]) -> Iterator[tuple[str, str]]:
    """An error where a text was seen before."""
    if isinstance(value, str) and value in seen:
        yield key, f"{value!r} once"
    elif isinstance(value, str):
        seen.add(value)


def _quota(where: str, service: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    low, default, high = (
        service.get(key, 1) for key in ("grant_minimum", "grant_default", "grant_maximum")
    )
    if type(low) is type(default) is type(high) is int:
        if low > high and "grant_maximum" in service:
            yield f"{where}.grant_minimum", f"grant_maximum ({high}) or less"
        if low > default and "grant_default" in service:
            yield f"{where}.grant_default", f"grant_minimum ({low}) or more"
        if default > high and "grant_maximum" in service:
            yield f"{where}.grant_default", f"grant_maximum ({high}) or less"
    seconds, validity = service.get("grant_seconds"), service.get("validity_seconds")
    if type(seconds) is int and seconds > 0:
        if service.get("unit") == "events":
            yield f"{where}.grant_seconds", "0: messages are granted as they are asked for"
        elif type(validity) is int and seconds > validity:
            yield f"{where}.grant_seconds", f"validity_seconds ({validity}) or less"
    action = service.get("final_action")
    if action == "redirect" and not service.get("redirect_address"):
        yield f"{where}.redirect_address", "where a client without money is redirected to"
    if action == "restrict" and not (service.get("filter_rules") or service.get("filter_ids")):
        yield f"{where}.filter_ids", "what a client without money may still reach, or filter_rules"
