"""A document's text: its words, lines and paragraphs, and how each language splits into words."""

from lab.curate.text.text import Text

__all__ = ["Text"]
