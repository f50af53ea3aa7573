"""Metrics: the counts are exact, the names and labels are those of the documentation, and peers cannot
make series grow."""

import threading

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from ocs import metrics as module
from ocs.diameter.framing import ResultCode
from ocs.metrics import LABELS_AT_MOST, REQUEST_LABELS_AT_MOST, RESULT_CODES, Metrics

#: Name and type of every family, with its labels.
FAMILIES = {
    "ocs_build_info": ("gauge", {"version"}),
    "ocs_ccr_requests": ("counter", {"application", "request_type", "result_code", "peer"}),
    "ocs_ccr_duration_seconds": ("histogram", {"application", "request_type"}),
    "ocs_ccr_replays": ("counter", {"request_type"}),
    "ocs_idempotency_mismatch": ("counter", set()),
    "ocs_orphan_usage": ("counter", set()),
    "ocs_usage_clamped": ("counter", {"unit"}),
    "ocs_diameter_messages": ("counter", {"direction", "command", "peer"}),
    "ocs_diameter_decode_errors": ("counter", {"peer", "reason"}),
    "ocs_diameter_peer_state": ("gauge", {"peer", "state"}),
    "ocs_diameter_disconnects": ("counter", {"peer", "cause"}),
    "ocs_diameter_watchdog_failures": ("counter", {"peer"}),
    "ocs_units_granted": ("counter", {"unit"}),
    "ocs_units_used": ("counter", {"unit"}),
    "ocs_balance_debited_minor_units": ("counter", {"currency"}),
    "ocs_balance_reserved_minor_units": ("gauge", {"currency"}),
    "ocs_written_off_minor_units": ("counter", {"currency"}),
    "ocs_final_unit_indications": ("counter", {"action"}),
    "ocs_sessions_active": ("gauge", {"service"}),
    "ocs_sessions_terminated": ("counter", {"service", "reason"}),
    "ocs_sessions_expired": ("counter", set()),
    "ocs_reauth_requests": ("counter", {"kind", "result"}),
    "ocs_agenda_steps": ("counter", {"status"}),
    "ocs_store_up": ("gauge", set()),
    "ocs_store_errors": ("counter", {"operation", "error"}),
    "ocs_store_unknown_outcomes": ("counter", {"operation"}),
    "ocs_store_command_duration_seconds": ("histogram", {"operation"}),
}


@pytest.fixture
def metrics() -> Metrics:
    """Metrics of a worker that has just started."""
    return Metrics(peers=["pgw1.example"])


Sample = tuple[str, frozenset[tuple[str, str]]]


def samples(metrics: Metrics) -> dict[Sample, float]:
    """Every sample as a scraper reads it; no two may have the same name and labels."""
    registry = CollectorRegistry()
    registry.register(metrics)
    found: dict[Sample, float] = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for each in family.samples:
            key = (each.name, frozenset(each.labels.items()))
            assert key not in found
            found[key] = each.value
    return found


def value(metrics: Metrics, name: str, **labels: str) -> float:
    """One sample."""
    return samples(metrics)[name, frozenset(labels.items())]


def count_everything(metrics: Metrics) -> None:
    """One of each."""
    metrics.ccr("gy", "I", 2001, 0.001, "pgw1.example")
    metrics.replay("U")
    metrics.mismatch()
    metrics.orphan_usage()
    metrics.clamped("seconds", 7)
    metrics.message("in", "CCR", "pgw1.example")
    metrics.decode_error("other", "5004")
    metrics.peer_state("pgw1.example", "open")
    metrics.disconnect("other", "no place")
    metrics.watchdog_failure("pgw1.example")
    metrics.granted("octets", 5)
    metrics.used("octets", 3)
    metrics.debited(10_000)
    metrics.reserved(20_000)
    metrics.written_off(30_000)
    metrics.final_unit("terminate")
    metrics.session_opened("data")
    metrics.session_closed("data", "quota")
    metrics.expired(1)
    metrics.reauth("rar", "asked")
    metrics.agenda_step("posted")
    metrics.store_call("charge", 0.001)
    metrics.store_error("charge", "TimeoutError")
    metrics.store_unknown("charge")
    metrics.store_up(True)


def test_families(metrics: Metrics) -> None:
    """Exactly the documented families, each with its type and its labels, once everything happened."""
    count_everything(metrics)
    found = {}
    for family in metrics.collect():
        labels = {name for each in family.samples for name in each.labels} - {"le"}
        found[family.name] = (family.type, labels)
        assert family.documentation
    assert found == FAMILIES


def test_known_series_start_at_zero(metrics: Metrics) -> None:
    """A rate needs a first value: known types, codes, operations, currencies and peers are there."""
    for application in ("gy", "ro"):
        for kind in "IUTE":
            labels = {"application": application, "request_type": kind}
            for code in ("2001", "4012", "5012"):
                more = labels | {"result_code": code, "peer": "other"}
                assert value(metrics, "ocs_ccr_requests_total", **more) == 0
            assert value(metrics, "ocs_ccr_duration_seconds_count", **labels) == 0
    for operation in ("charge", "post", "expire", "put", "balance"):
        assert value(metrics, "ocs_store_command_duration_seconds_count", operation=operation) == 0
    for name in ("balance_debited", "written_off"):
        assert value(metrics, f"ocs_{name}_minor_units_total", currency="KZT") == 0
    assert value(metrics, "ocs_sessions_expired_total") == 0
    peer = {"peer": "pgw1.example"}
    assert value(metrics, "ocs_diameter_peer_state", state="open", **peer) == 0
    assert value(metrics, "ocs_diameter_peer_state", state="closed", **peer) == 1
    assert value(metrics, "ocs_store_up") == 0


def test_every_result_code_is_a_label() -> None:
    """What this server may answer is told apart."""
    assert {int(each): str(int(each)) for each in ResultCode} == RESULT_CODES


@pytest.mark.parametrize("code", [0, 2003, 9999, 2**32 - 1])
def test_other_result_codes(metrics: Metrics, code: int) -> None:
    """What is not known counts as "other"."""
    metrics.ccr("ro", "T", code, 0.5, "pgw1.example")
    labels = {"application": "ro", "request_type": "T", "peer": "pgw1.example"}
    assert value(metrics, "ocs_ccr_requests_total", result_code="other", **labels) == 1


def test_requests(metrics: Metrics) -> None:
    """Counted by application, type, Result-Code and peer."""
    for _ in range(3):
        metrics.ccr("gy", "U", ResultCode.CREDIT_LIMIT_REACHED, 0.001, "pgw1.example")
    metrics.ccr("gy", "U", ResultCode.SUCCESS, 0.001, "pgw1.example")
    labels = {"application": "gy", "request_type": "U", "peer": "pgw1.example"}
    assert value(metrics, "ocs_ccr_requests_total", result_code="4012", **labels) == 3
    assert value(metrics, "ocs_ccr_requests_total", result_code="2001", **labels) == 1


def test_durations(metrics: Metrics) -> None:
    """A histogram by type: each observation is in the buckets at and above it, on the bound included."""
    for seconds in (0.0001, 0.001, 0.0011, 5.0, 7.0):
        metrics.ccr("gy", "I", 2001, seconds, "other")
    labels = {"application": "gy", "request_type": "I"}
    name = "ocs_ccr_duration_seconds"
    for bound, count in (
        ("0.0005", 1), ("0.001", 2), ("0.002", 3), ("2.5", 3), ("5.0", 4), ("+Inf", 5),
    ):  # fmt: skip
        assert value(metrics, f"{name}_bucket", le=bound, **labels) == count
    assert value(metrics, f"{name}_count", **labels) == 5
    assert value(metrics, f"{name}_sum", **labels) == pytest.approx(12.0022)


def test_bucket_bounds() -> None:
    """From half a millisecond to five seconds."""
    bounds = [0.5, 1, 2, 3, 5, 7.5, 10, 20, 30, 50, 100, 250, 500, 1000, 2500, 5000]
    assert [each * 1000 for each in module.BUCKETS] == pytest.approx(bounds)


def test_money_is_exact_in_minor_units(metrics: Metrics) -> None:
    """Micros are summed as integers: a hundred times 0.000001 is not lost, and shown in tiyn."""
    for _ in range(100):
        metrics.debited(100)
    metrics.reserved(11_000_000)
    metrics.reserved(-4_000_000)
    metrics.written_off(120_000)
    assert value(metrics, "ocs_balance_debited_minor_units_total", currency="KZT") == 1
    assert value(metrics, "ocs_balance_reserved_minor_units", currency="KZT") == 700
    assert value(metrics, "ocs_written_off_minor_units_total", currency="KZT") == 12


@pytest.mark.parametrize(("currency", "decimals", "shown"), [("JPY", 0, 5), ("KWD", 3, 5000)])
def test_currencies(currency: str, decimals: int, shown: int) -> None:
    """Minor units are those of the currency."""
    metrics = Metrics(currency, decimals)
    metrics.debited(5_000_000)
    assert value(metrics, "ocs_balance_debited_minor_units_total", currency=currency) == shown


def test_units_sessions_and_the_rest(metrics: Metrics) -> None:
    """Each call moves its own series, by what it was given."""
    metrics.granted("seconds", 60)
    metrics.granted("seconds", 43)
    metrics.used("octets", 2**40)
    metrics.session_opened("voice")
    metrics.session_opened("voice")
    metrics.session_closed("voice", "timeout")
    metrics.expired(7)
    metrics.reauth("asr", "no_answer")
    metrics.agenda_step("posted")
    metrics.agenda_step("posted")
    metrics.agenda_step("stale")
    metrics.store_call("charge", 0.002)
    metrics.store_call("other operation", 0.002)
    metrics.store_error("post", "TimeoutError")
    metrics.store_up(True)
    metrics.peer_state("pgw1.example", "open")
    for name, labels, expected in (
        ("ocs_units_granted_total", {"unit": "seconds"}, 103),
        ("ocs_units_used_total", {"unit": "octets"}, 2**40),
        ("ocs_sessions_active", {"service": "voice"}, 1),
        ("ocs_sessions_terminated_total", {"service": "voice", "reason": "timeout"}, 1),
        ("ocs_sessions_expired_total", {}, 7),
        ("ocs_reauth_requests_total", {"kind": "asr", "result": "no_answer"}, 1),
        ("ocs_agenda_steps_total", {"status": "posted"}, 2),
        ("ocs_agenda_steps_total", {"status": "stale"}, 1),
        ("ocs_store_command_duration_seconds_count", {"operation": "charge"}, 1),
        ("ocs_store_command_duration_seconds_count", {"operation": "other operation"}, 1),
        ("ocs_store_errors_total", {"operation": "post", "error": "TimeoutError"}, 1),
        ("ocs_store_up", {}, 1),
        ("ocs_diameter_peer_state", {"peer": "pgw1.example", "state": "open"}, 1),
        ("ocs_diameter_peer_state", {"peer": "pgw1.example", "state": "closed"}, 0),
    ):
        assert value(metrics, name, **labels) == expected, name
    metrics.peer_state("pgw1.example", "closed")
    metrics.store_up(False)
    assert value(metrics, "ocs_diameter_peer_state", peer="pgw1.example", state="open") == 0
    assert value(metrics, "ocs_store_up") == 0


def test_labels_are_bounded(metrics: Metrics) -> None:
    """Ten thousand identities and codes, should they ever reach us: bounded series, no count lost."""
    for number in range(10_000):
        name = f"peer{number}.example"
        metrics.ccr("gy", "I", number, 0.001, name)
        metrics.message("in", "CCR", name)
        metrics.decode_error(name, str(number))
        metrics.disconnect(name, name)
        metrics.watchdog_failure(name)
    found = samples(metrics)
    assert len(found) < 2000 + 2 * 8 * len(module.BUCKETS)
    for family, at_most in (
        ("ocs_ccr_requests_total", REQUEST_LABELS_AT_MOST),
        ("ocs_diameter_messages_total", LABELS_AT_MOST),
        ("ocs_diameter_decode_errors_total", LABELS_AT_MOST),
        ("ocs_diameter_disconnects_total", LABELS_AT_MOST),
        ("ocs_diameter_watchdog_failures_total", LABELS_AT_MOST),
    ):
        series = {labels: count for (name, labels), count in found.items() if name == family}
        assert len(series) <= at_most + 1
        assert sum(series.values()) == 10_000


def test_hostile_text_in_a_label(metrics: Metrics) -> None:
    """Quotes and line feeds of a configured name do not break the format."""
    name = 'a"b\n\\c'
    metrics.watchdog_failure(name)
    assert value(metrics, "ocs_diameter_watchdog_failures_total", peer=name) == 1


def test_scrape_while_counting(metrics: Metrics) -> None:
    """The scrape runs on another thread: new series in between neither end it nor get lost."""
    is_done = threading.Event()

    def scrape() -> None:
        while not is_done.is_set():
            samples(metrics)

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        for number in range(20_000):
            metrics.message("in", "CCR", f"peer{number % 150}")
            metrics.ccr("gy", "I", 2001, 0.001, f"peer{number % 150}")
    finally:
        is_done.set()
        thread.join()
    found = samples(metrics)
    for name in ("ocs_diameter_messages_total", "ocs_ccr_requests_total"):
        assert sum(count for (each, _), count in found.items() if each == name) == 20_000
