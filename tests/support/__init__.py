"""What tests share: real stores, the reference model of the ledger, builders."""
