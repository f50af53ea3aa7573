"""What a worker remembers of a session between its requests.

Another worker, or this one after a restart, begins with the context alone, which the store keeps: it
decides the same and takes longer, but for the size of grants and on which side of a change of tariff the
report of a late client lies.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ocs.charging.periods import COURSES_AT_MOST, Courses
from ocs.model import Pace, SessionContext, UtcMillis


@dataclass(slots=True)
class Memory:
    """One session, by what its services are named where a value is of one service."""

    context: SessionContext
    #: When it was answered last, around a change of tariff.
    answered: dict[str, UtcMillis] = field(default_factory=dict)
    #: How fast it is used, where grants follow it.
    paces: dict[str, Pace] = field(default_factory=dict)
    #: How it was and is paid.
    courses: Courses = field(default_factory=dict)

    def learn(self, answered: Iterable[str], at: UtcMillis, paces: Mapping[str, Pace]) -> None:
        """After an answer. A client may name any number of services: beyond a few all begin anew."""
        self.answered.update(dict.fromkeys(answered, at))
        self.paces.update(paces)
        for each in (self.answered, self.paces):
            if len(each) > COURSES_AT_MOST:
                each.clear()
