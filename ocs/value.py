"""Values on the path of a CCR: read-only for whoever writes code, plain slots when it runs.

A frozen dataclass sets each field through object.__setattr__: several times the work, some hundred times
in each CCR. mypy refuses an assignment to these as it does to frozen ones.
"""

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def value(cls: type[T]) -> type[T]:
    """A dataclass with slots that nobody changes; equal and hashed by its fields."""
    return dataclass(slots=True, unsafe_hash=True)(cls)
