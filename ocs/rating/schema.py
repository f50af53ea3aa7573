"""A JSON schema of a product's file, for editors: made of the key tables that the readers use."""

import json
from collections.abc import Iterable, Mapping

from ocs.model import RoundingMode
from ocs.rating import read_product as reader
from ocs.rating.calendars import DAYS
from ocs.rating.product import KINDS, OCCASIONS, After, Late
from ocs.rating.read import (
    CONDITION_KEYS,
    COUNTS,
    FEES,
    MESSAGE_CLASSES,
    PRICE_KEYS,
    SERVICE_UNITS,
)
from ocs.rating.read_price import STRETCH_KEYS, TAX_KEYS, THEN_KEYS
from ocs.rating.tariff import DIRECTIONS, NETWORKS

DRAFT = "https://json-schema.org/draft/2020-12/schema"
AMOUNT = {"type": "string", "pattern": r"^[0-9]{1,9}(\.[0-9]{1,6})?$"}
QUANTITY = {"type": "string", "pattern": r"^[0-9]+ [A-Za-z]+$"}
SPAN = {
    "type": "string",
    "pattern": "^(once|day|week|month|period|[0-9]+ (hours?|days?|months?))$",
}
NAME = {"type": "string", "pattern": r"^[^\s;|:@]+$"}
TEXT = {"type": "string", "minLength": 1}
FLAG = {"type": "boolean"}
WHOLE = {"type": "integer", "minimum": 0}
NAMES = {"type": "array", "items": NAME}
TEXTS = {"type": "array", "items": TEXT}
NUMBERS = {"type": "array", "items": WHOLE}
PERCENT = {"type": "string", "pattern": r"^[0-9]{1,9}(\.[0-9]{1,6})? *%$"}
#: Not in quotes: editors show it as a text.
MOMENT = {"type": "string", "format": "date-time"}
PERCENTS = {"type": "array", "items": {"type": "string", "pattern": "^[0-9]{1,3} ?%$"}}
COUNTED = {"type": ["string", "integer"]}


def one_of(words: Iterable[str]) -> dict[str, object]:
    """One of the words."""
    return {"enum": [*words]}


#: What a value looks like, by table and key. A key of the readers that is not here may be anything.
FEE = {
    "amount": AMOUNT,
    "every": SPAN,
    "prorated": FLAG,
    "window": QUANTITY,
    "late": one_of(Late),
    "restarts": FLAG,
}
BUCKET = {
    "name": NAME,
    "unit": NAME,
    "amount": COUNTED,
    "lasts": SPAN,
    "priority": {"type": "integer"},
    "daily": FLAG,
    "adds": FLAG,
    "keeps": COUNTED,
    "prorated": FLAG,
    "grain": COUNTED,
    "extends": FLAG,
    "shared": FLAG,
    "notices": PERCENTS,
}
PAYMENT = {"services": NAMES, "takes": WHOLE}
BONUS = {"from": AMOUNT, "to": AMOUNT, "channels": NAMES, "mark": NAME, "days": WHOLE}
ADVANCE = {
    "amount": AMOUNT,
    "fee": AMOUNT,
    "lasts": SPAN,
    "below": AMOUNT,
    "age_days": WHOLE,
    "mark": NAME,
}
PRODUCT = {
    "id": NAME,
    "name": TEXT,
    "kind": one_of(KINDS),
    "cheapest": FLAG,
    "after": one_of(After),
    "filter_id": TEXT,
    "requires": NAMES,
    "excludes": NAMES,
    "at_most": WHOLE,
    "needs_paid": FLAG,
    "lasts": SPAN,
    "ends_with_tariff": FLAG,
    "forfeits": NAMES,
    "given_on": one_of(OCCASIONS),
    "fallback": NAME,
    "credit": AMOUNT,
}
#: Of prices and of conditions: words are listed where the reader names them.
PRICE = {
    "service": one_of(SERVICE_UNITS),
    "price": AMOUNT,
    "per": QUANTITY,
    "step": QUANTITY,
    "maximum": QUANTITY,
    "minimum": QUANTITY,
    "free": QUANTITY,
    "setup": AMOUNT,
    "least": AMOUNT,
    "at_most": AMOUNT,
    "min_balance": AMOUNT,
    "quantum": AMOUNT,
    "rounding": one_of(RoundingMode),
    "counts": one_of(COUNTS),
    "counter": NAME,
    "destinations": TEXTS,
    "rating_groups": NUMBERS,
    "service_identifiers": NUMBERS,
    "fee": one_of(FEES),
    "direction": one_of(DIRECTIONS),
    "networks": one_of(NETWORKS),
    "message_classes": {"type": "array", "items": one_of(MESSAGE_CLASSES)},
    "zones": TEXTS,
    "apns": TEXTS,
    "rat_types": NUMBERS,
    "when": TEXTS,
    "unless": TEXTS,
    "attributes": {"type": "object", "additionalProperties": TEXTS},
    "hours": {"type": "array", "items": {"type": "string", "pattern": "^[0-9:]{5}-[0-9:]{5}$"}},
    "days": {"type": "array", "items": one_of(DAYS)},
    "from": MOMENT,
    "to": MOMENT,
}
STRETCH = {"until": QUANTITY}
TAX = {"rate": PERCENT, "levy": PERCENT, "included": FLAG}


def table(
    keys: Iterable[str], values: Mapping[str, object], needed: Iterable[str] = ()
) -> dict[str, object]:
    """A table of these keys and of no others."""
    return {
        "type": "object",
        "properties": {key: values.get(key, {}) for key in keys},
        "required": [*needed],
        "additionalProperties": False,
    }


def listed(items: Mapping[str, object]) -> dict[str, object]:
    """At least one of these tables."""
    return {"type": "array", "minItems": 1, "items": items}


def schema() -> dict[str, object]:
    """The schema of a product's file."""
    stretches = listed(table(STRETCH_KEYS, PRICE | STRETCH))
    costs = PRICE | {"stretches": stretches, "tax": table(TAX_KEYS, TAX)}
    # The keys of a `then` are those of a price; one may stand in the other any number of times.
    prices = costs | {"then": table(THEN_KEYS, costs | {"then": {"type": "object"}})}
    price_keys = dict.fromkeys((*PRICE_KEYS, *CONDITION_KEYS))
    pay_keys = (*reader.PAYMENT_KEYS, *CONDITION_KEYS, *reader.PRICED)
    pays = table(dict.fromkeys(pay_keys), prices | PAYMENT)
    buckets = table(reader.BUCKET_KEYS, BUCKET | {"pays": listed(pays)}, ("name", "unit", "amount"))
    values = PRODUCT | {
        "prices": listed(table(price_keys, prices, ("service",))),
        "fee": table(reader.FEE_KEYS, FEE, ("amount", "every")),
        "buckets": listed(buckets),
        "bonus": table(reader.BONUS_KEYS, BONUS, ("from",)),
        "advance": table(reader.ADVANCE_KEYS, ADVANCE, ("amount", "below")),
    }
    head = {"$schema": DRAFT, "title": "A product of the catalogue"}
    return head | table(reader.PRODUCT_KEYS, values, ("id",))


def text() -> str:
    """What docs/catalogue.schema.json holds."""
    return json.dumps(schema(), indent=1) + "\n"
