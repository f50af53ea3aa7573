"""Accounts, balances, reservations and the ledger that explains them (TS 32.296, ABMF)."""
