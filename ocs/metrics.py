"""All metrics in one file: plain integers on the hot path, rendered when somebody asks.

Label sets are fixed: what a peer sends never becomes a label. Money is counted in micros and shown in
minor units. Names follow the Prometheus conventions with the prefix `ocs_`.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from prometheus_client import Metric
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector

from ocs import __version__

#: Seconds; from a cached answer to past the client's patience.
BUCKETS = (
    0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
)  # fmt: skip
#: What this server may answer (RFC 6733, 7.1; RFC 8506, 9).
RESULT_CODES = {code: str(code) for code in (
    2001, 2002, 3001, 3002, 3003, 3004, 3005, 3007, 3008, 3009, 3010, 4010, 4011, 4012, 5001, 5002,
    5003, 5004, 5005, 5006, 5007, 5008, 5009, 5010, 5011, 5012, 5014, 5015, 5017, 5030, 5031,
)}  # fmt: skip
REQUEST_TYPES = ("I", "U", "T", "E")
APPLICATIONS = ("gy", "ro")
STORE_OPERATIONS = (
    "charge",
    "refund",
    "post",
    "expire",
    "put",
    "balance",
    "restarted",
    "due",
    "drain",
)
MICROS = 1_000_000
#: Series of one family; a combination that is new beyond this counts as "other". Labels are bounded
#: by their meaning (peers: those of the configuration), so this is the second lock.
LABELS_AT_MOST = 200
#: Applications, types and codes of each configured peer.
REQUEST_LABELS_AT_MOST = 1000

Labels = tuple[str, ...]


class Histogram:
    """Counts by bucket, and the sum."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one observation."""
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.sum += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative, as Prometheus wants them."""
        found, total = [], 0
        for bound, count in zip((*map(str, BUCKETS), "+Inf"), self.counts, strict=True):
            total += count
            found.append((bound, float(total)))
        return found


class Family:
    """One counter or gauge with labels; unknown combinations beyond the limit count as "other"."""

    def __init__(
        self,
        name: str,
        help_text: str,
        labels: Labels = (),
        is_gauge: bool = False,
    ) -> None:
        self.name = name
        self.help = help_text
        self.labels = labels
        self.is_gauge = is_gauge
        self.values: dict[Labels, int] = {}
        self.divisor = 1
        self.at_most = LABELS_AT_MOST

    def add(self, amount: int, *labels: str) -> None:
        """Add to one series."""
        values = self.values
        if labels in values:
            values[labels] += amount
            return
        if len(values) >= self.at_most:
            labels = ("other",) * len(self.labels)
        values[labels] = values.get(labels, 0) + amount

    def render(self) -> Metric:
        """The family for Prometheus."""
        kind = GaugeMetricFamily if self.is_gauge else CounterMetricFamily
        family = kind(self.name, self.help, labels=self.labels)
        values = dict(self.values)  # a copy: the loop counts on while this thread renders
        if not self.labels:
            values.setdefault((), 0)
        for labels, value in values.items():
            family.add_metric(labels, value / self.divisor)
        return family


class Metrics(Collector):
    """What one worker counts."""

    def __init__(self, currency: str = "KZT", decimals: int = 2, peers: Iterable[str] = ()) -> None:
        self._currency = currency
        self._minor_unit = MICROS // 10**decimals
        self._families: list[Family] = []
        self._ccr_seconds: dict[Labels, Histogram] = {}
        self._store_seconds: dict[Labels, Histogram] = {}
        self.is_store_up = False
        new = self._new
        self._requests = new(
            "ocs_ccr_requests",
            "CCRs answered",
            "application",
            "request_type",
            "result_code",
            "peer",
        )
        self._requests.at_most = REQUEST_LABELS_AT_MOST
        self._replays = new("ocs_ccr_replays", "CCRs answered from memory", "request_type")
        self._mismatches = new("ocs_idempotency_mismatch", "CCRs with the number of another")
        self._orphans = new("ocs_orphan_usage", "Usage reported for unknown sessions")
        self._clamped = new("ocs_usage_clamped", "Units of absurd reports, not charged", "unit")
        self._messages = new("ocs_diameter_messages", "Messages", "direction", "command", "peer")
        self._errors = new("ocs_diameter_decode_errors", "Messages refused", "peer", "reason")
        self._states = new(
            "ocs_diameter_peer_state", "1 for the state a peer is in", "peer", "state", gauge=True
        )
        self._disconnects = new("ocs_diameter_disconnects", "Connections closed", "peer", "cause")
        self._watchdogs = new("ocs_diameter_watchdog_failures", "Watchdogs unanswered", "peer")
        self._granted = new("ocs_units_granted", "Units granted", "unit")
        self._used = new("ocs_units_used", "Units used", "unit")
        self._debited = self._money("ocs_balance_debited_minor_units", "Money spent")
        self._reserved = self._money(
            "ocs_balance_reserved_minor_units",
            "Change of reserved money by this worker",
            gauge=True,
        )
        self._written_off = self._money("ocs_written_off_minor_units", "Usage nobody could pay")
        self._finals = new("ocs_final_unit_indications", "Final units announced", "action")
        self._active = new(
            "ocs_sessions_active",
            "Sessions opened less closed by this worker",
            "service",
            gauge=True,
        )
        self._ended = new("ocs_sessions_terminated", "Sessions ended", "service", "reason")
        self._expired = new("ocs_sessions_expired", "Sessions closed by supervision")
        self._agenda_steps = new("ocs_agenda_steps", "Fees, renewals, ends: steps posted", "status")
        self._reauths = new("ocs_reauth_requests", "RAR and ASR", "kind", "result")
        self._store_errors = new("ocs_store_errors", "Store calls failed", "operation", "error")
        self._unknown = new("ocs_store_unknown_outcomes", "Money calls without answer", "operation")
        for kind in REQUEST_TYPES:
            for application in APPLICATIONS:
                self._ccr_seconds[application, kind] = Histogram()
                for code in (2001, 4012, 5012):
                    self._requests.add(0, application, kind, str(code), "other")
            self._replays.add(0, kind)
        for operation in STORE_OPERATIONS:
            self._store_seconds[(operation,)] = Histogram()
        for peer in peers:
            self.peer_state(peer, "closed")

    def _new(self, name: str, help_text: str, *labels: str, gauge: bool = False) -> Family:
        family = Family(name, help_text, labels, gauge)
        self._families.append(family)
        return family

    def _money(self, name: str, help_text: str, *, gauge: bool = False) -> Family:
        family = self._new(name, help_text, "currency", gauge=gauge)
        family.divisor = self._minor_unit
        family.add(0, self._currency)
        return family

    # --- counting ---------------------------------------------------------------------------------

    def ccr(
        self, application: str, request_type: str, result_code: int, seconds: float, peer: str
    ) -> None:
        """One CCR, from socket read to answer written."""
        code = RESULT_CODES.get(result_code, "other")
        self._requests.add(1, application, request_type, code, peer)
        self._ccr_seconds[application, request_type].observe(seconds)

    def replay(self, request_type: str) -> None:
        """A repeat was answered from memory."""
        self._replays.add(1, request_type)

    def mismatch(self) -> None:
        """A number came again with other content."""
        self._mismatches.add(1)

    def orphan_usage(self) -> None:
        """Usage of an unknown session was kept."""
        self._orphans.add(1)

    def clamped(self, unit: str, amount: int) -> None:
        """Units of an absurd report that were not charged."""
        self._clamped.add(amount, unit)

    def message(self, direction: str, command: str, peer: str) -> None:
        """A message in or out."""
        self._messages.add(1, direction, command, peer)

    def decode_error(self, peer: str, reason: str) -> None:
        """A message was refused."""
        self._errors.add(1, peer, reason)

    def peer_state(self, peer: str, state: str) -> None:
        """A peer is in this state now."""
        for known in ("open", "closed"):
            self._states.values[peer, known] = int(known == state)

    def disconnect(self, peer: str, cause: str) -> None:
        """A connection was closed."""
        self._disconnects.add(1, peer, cause)

    def watchdog_failure(self, peer: str) -> None:
        """A watchdog was not answered."""
        self._watchdogs.add(1, peer)

    def granted(self, unit: str, amount: int) -> None:
        """Units granted."""
        self._granted.add(amount, unit)

    def used(self, unit: str, amount: int) -> None:
        """Units reported as used."""
        self._used.add(amount, unit)

    def debited(self, micros: int) -> None:
        """Money spent."""
        self._debited.add(micros, self._currency)

    def reserved(self, micros: int) -> None:
        """Change of reserved money."""
        self._reserved.add(micros, self._currency)

    def written_off(self, micros: int) -> None:
        """Usage nobody could pay."""
        self._written_off.add(micros, self._currency)

    def final_unit(self, action: str) -> None:
        """A final unit was announced."""
        self._finals.add(1, action)

    def session_opened(self, service: str) -> None:
        """A session was opened."""
        self._active.add(1, service)

    def session_closed(self, service: str, reason: str) -> None:
        """A session ended."""
        self._active.add(-1, service)
        self._ended.add(1, service, reason)

    def expired(self, count: int) -> None:
        """Sessions were closed by supervision."""
        self._expired.add(count)

    def agenda_step(self, status: str) -> None:
        """A step that was due was posted, and became this."""
        self._agenda_steps.add(1, status)

    def reauth(self, kind: str, result: str) -> None:
        """What became of an RAR or ASR."""
        self._reauths.add(1, kind, result)

    def store_call(self, operation: str, seconds: float) -> None:
        """A store call was answered."""
        histogram = self._store_seconds.get((operation,))
        if histogram is None:
            histogram = self._store_seconds[(operation,)] = Histogram()
        histogram.observe(seconds)

    def store_error(self, operation: str, error: str) -> None:
        """A store call failed."""
        self._store_errors.add(1, operation, error)

    def store_unknown(self, operation: str) -> None:
        """A money call was not answered."""
        self._unknown.add(1, operation)

    def store_up(self, is_up: bool) -> None:
        """Whether the store answers."""
        self.is_store_up = is_up

    # --- rendering ----------------------------------------------------------------------------------

    def collect(self) -> Iterable[Metric]:
        """Everything, as Prometheus reads it."""
        build = GaugeMetricFamily("ocs_build_info", "Version", labels=("version",))
        build.add_metric((__version__,), 1)
        yield build
        for family in self._families:
            yield family.render()
        up = GaugeMetricFamily("ocs_store_up", "Whether the store answers")
        up.add_metric((), int(self.is_store_up))
        yield up
        yield from self._histograms()

    def _histograms(self) -> Iterator[Metric]:
        for name, text, labels, series in (
            ("ocs_ccr_duration_seconds", "Socket read to answer written",
             ("application", "request_type"), self._ccr_seconds),
            ("ocs_store_command_duration_seconds", "Call to answer", ("operation",),
             self._store_seconds),
        ):  # fmt: skip
            family = HistogramMetricFamily(name, text, labels=labels)
            for values, histogram in list(series.items()):
                family.add_metric(values, histogram.buckets(), histogram.sum)
            yield family
