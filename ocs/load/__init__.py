"""Load on a running server: workloads, a generator, and the audit that makes a run a result."""
