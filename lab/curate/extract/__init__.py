"""The stage extract: the main text of each page."""

from lab.curate.extract.stage import extract_text

__all__ = ["extract_text"]
