"""What a worker remembers of a session is bounded, whatever its client names."""

from ocs.charging.context import new_context
from ocs.charging.memory import Memory
from ocs.charging.periods import COURSES_AT_MOST
from ocs.model import Pace, UtcMillis
from tests.charging.worked import DATA, SUBSCRIBER, catalogue, data


def memory() -> Memory:
    """Of a data session."""
    return Memory(new_context(data(1, 0), DATA, SUBSCRIBER, catalogue(), UtcMillis(1)))


def test_the_newest_answer_counts() -> None:
    """By service; one that was not answered stays."""
    found = memory()
    found.learn(["10", "20"], UtcMillis(5), {"10": Pace(UtcMillis(5), 1)})
    found.learn(["20"], UtcMillis(6), {"20": Pace(UtcMillis(6), 2)})
    assert found.answered == {"10": 5, "20": 6}
    assert found.paces == {"10": Pace(UtcMillis(5), 1), "20": Pace(UtcMillis(6), 2)}


def test_any_number_of_services_is_not_kept() -> None:
    """Beyond the usual few all begin anew."""
    found = memory()
    for number in range(COURSES_AT_MOST + 1):
        assert len(found.answered) == len(found.paces) == number
        found.learn([str(number)], UtcMillis(5), {str(number): Pace(UtcMillis(5), 1)})
    assert not found.answered and not found.paces
