"""The stage language: documents in the wanted languages."""

from lab.curate.language.stage import LanguageIdentifier

__all__ = ["LanguageIdentifier"]
