"""The stage url_filter: which pages of a crawl are read, by their URLs."""

from lab.curate.urls.stage import UrlFilter

__all__ = ["UrlFilter"]
