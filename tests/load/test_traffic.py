"""Sessions as their clients see them: what they report, what they owe, when they end."""

from dataclasses import replace

from ocs.diameter.credit_control import MSCCAnswer
from ocs.diameter.framing import FLAG_T
from ocs.load.traffic import Session, Traffic
from tests.load.playing import DATA, SMS, VOICE, grant, reply, sent, step, traffic_of

MEGABYTE = 1 << 20


def opened(traffic: Traffic) -> Session:
    """The first session, as it stands in the queue, at the start of its life."""
    session = traffic.opening()
    assert session is not None
    session.left = DATA.updates
    return session


def test_a_session_is_i_then_updates_then_t() -> None:
    """With request numbers from 0; all that was used is owed at the end."""
    traffic = traffic_of(DATA)
    session = opened(traffic)
    found = [step(traffic, session, 2001, grant(MEGABYTE)) for _ in range(4)]
    assert [(each.request_type, each.request_number) for each in found] == [
        (1, 0), (2, 1), (2, 2), (3, 3),
    ]  # fmt: skip
    used = [[one.units.total_octets for one in each.mscc[0].usu] for each in found]
    assert used == [[], [100], [100], [100]]
    assert traffic.books.cost == [DATA.cost(300)]
    assert session.is_over


def test_a_session_never_reports_more_than_it_was_granted() -> None:
    """A small grant bounds the report."""
    traffic = traffic_of(DATA)
    session = opened(traffic)
    step(traffic, session, 2001, grant(60))
    assert step(traffic, session, 2001, grant(MEGABYTE)).mscc[0].usu[0].units.total_octets == 60


def test_final_units_are_used_up_and_end_the_session() -> None:
    """The T reports them to the last octet."""
    traffic = traffic_of(DATA)
    session = opened(traffic)
    step(traffic, session, 2001, grant(777, is_final=True))
    last = step(traffic, session)
    assert last.request_type == 3 and last.mscc[0].usu[0].units.total_octets == 777
    assert traffic.books.cost == [DATA.cost(777)]


def test_a_service_without_money_ends_the_session() -> None:
    """A 4012 inside an answer of success: nothing is reported for it, the other service goes on to T."""
    traffic = traffic_of(replace(DATA, mscc=(0, 100)))
    session = opened(traffic)
    step(traffic, session, 2001, grant(MEGABYTE), MSCCAnswer(20, (), 4012))
    last = step(traffic, session)
    assert last.request_type == 3
    assert [each.usu[0].units.total_octets for each in last.mscc] == [100, 0]


def test_services_may_be_answered_in_another_order() -> None:
    """Each is found by its rating group; one that is missing has no grant."""
    traffic = traffic_of(replace(DATA, mscc=(0, 100)))
    session = opened(traffic)
    step(traffic, session, 2001, grant(50, group=20))
    assert session.granted == (0, 50) and session.is_last


def test_a_refused_update_is_owed_and_ends_the_session() -> None:
    """4012 for the whole command: what was reported is paid, no T follows."""
    traffic = traffic_of(DATA)
    session = opened(traffic)
    step(traffic, session, 2001, grant(MEGABYTE))
    step(traffic, session, 4012)
    assert session.is_over and traffic.books.cost == [DATA.cost(100)]


def test_an_unknown_session_owes_nothing_for_the_report() -> None:
    """5002: the server did not take it."""
    traffic = traffic_of(DATA)
    session = opened(traffic)
    step(traffic, session, 2001, grant(MEGABYTE))
    step(traffic, session, 5002)
    assert session.is_over and traffic.books.cost == [0]


def test_a_call_tells_its_own_time() -> None:
    """Its seconds pass as fast as it reports them: a server takes no second that did not pass."""
    traffic = traffic_of(VOICE)
    traffic.moment = 1_790_000_000
    session = opened(traffic)
    found = [step(traffic, session, 2001, grant(60)) for _ in range(3)]
    assert [each.event_timestamp for each in found] == [
        1_790_000_000, 1_790_000_020, 1_790_000_040,
    ]  # fmt: skip


def test_an_event_costs_when_it_succeeds() -> None:
    """And nothing when it is refused."""
    traffic = traffic_of(SMS, sessions=2)
    one, other = traffic.opening(), traffic.opening()
    assert one is not None and other is not None
    assert step(traffic, one, 2001).request_type == 4
    assert traffic.books.cost == [12_000_000]
    step(traffic, other, 4012)
    assert traffic.books.cost == [12_000_000]


def test_a_repeat_is_the_same_request_with_the_t_bit() -> None:
    """Another Hop-by-Hop Id, the same End-to-End Id; it is charged once."""
    traffic = traffic_of(DATA, repeats_percent=100)
    session = opened(traffic)
    first = sent(traffic, session, hop=7)
    traffic.answered(session, reply(first, 2001, [grant(MEGABYTE)]))
    again = sent(traffic, session, hop=8)
    assert (again.flags & FLAG_T, again.hop_by_hop, again.end_to_end) == (FLAG_T, 8, 7)
    assert (again.request_type, again.request_number) == (1, 0)
    traffic.answered(session, reply(again, 2001, [grant(MEGABYTE)]))
    assert (traffic.books.repeats, traffic.books.different) == (1, 0)
    assert step(traffic, session, 2001, grant(MEGABYTE)).request_number == 1


def test_a_repeat_that_is_answered_otherwise_is_found() -> None:
    """Another grant is another answer."""
    traffic = traffic_of(DATA, repeats_percent=100)
    session = opened(traffic)
    step(traffic, session, 2001, grant(MEGABYTE))
    step(traffic, session, 2001, grant(MEGABYTE - 1))
    assert (traffic.books.repeats, traffic.books.different) == (1, 1)


def test_without_an_answer_the_account_is_uncertain() -> None:
    """Between what was known and what was under way; 3004 is no answer either."""
    for lose in (True, False):
        traffic = traffic_of(DATA)
        session = opened(traffic)
        step(traffic, session, 2001, grant(MEGABYTE))
        step(traffic, session, 2001, grant(MEGABYTE))
        if lose:
            sent(traffic, session)
            traffic.unanswered(session)
        else:
            step(traffic, session, 3004)
        assert traffic.books.cost == [DATA.cost(100)]
        assert traffic.books.unsure == {0: DATA.cost(200) - DATA.cost(100)}
        assert session.is_over


def test_at_the_end_open_sessions_are_ended_and_nothing_begins() -> None:
    """Sessions that were never heard of are not opened for it."""
    traffic = traffic_of(replace(DATA, updates=0), sessions=3)
    for _ in range(2):
        session = traffic.opening()
        assert session is not None
        step(traffic, session, 2001, grant(MEGABYTE))
    ended = 0
    while (ending := traffic.ending()) is not None:
        assert step(traffic, ending).request_type == 3
        ended += 1
    assert ended == 2


def test_the_same_seed_is_the_same_traffic() -> None:
    """Whatever is chosen by chance."""
    one, other = (traffic_of(replace(DATA, mscc=(50, 50)), sessions=20) for _ in range(2))
    for _ in range(20):
        mine, theirs = one.opening(), other.opening()
        assert mine is not None and theirs is not None
        assert bytes(one.request(mine, 1)) == bytes(other.request(theirs, 1))
