"""The stage dedup: one of each group of near-duplicates."""

from lab.curate.dedup.stage import duplicates, signatures

__all__ = ["duplicates", "signatures"]
