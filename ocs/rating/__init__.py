"""The rating function: which price applies, and its legs. Pure (TS 32.296, RF)."""
