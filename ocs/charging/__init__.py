"""The OCF: what a request asks of the ledger, and what the client is told. Pure (TS 32.296)."""
