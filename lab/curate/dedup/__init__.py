"""The stage dedup: one of each group of near-duplicates."""
