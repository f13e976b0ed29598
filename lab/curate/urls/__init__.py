"""The stage url_filter: which pages of a crawl are read at all, by their URL."""

from lab.curate.urls.stage import UrlFilter

__all__ = ["UrlFilter"]
