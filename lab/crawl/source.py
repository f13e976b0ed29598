"""The stage crawl: a manifest of WARC files from the source that crawl.source names.

In: parameters. Out: out/manifest.json (lab.crawl.warc.manifest); the sources `sample` and `commoncrawl` also write the
WARC files that it lists.
"""

from pathlib import Path

from lab.params import CrawlParams, EngineParams


def run(out: Path, params: CrawlParams, engine: EngineParams) -> dict:
    """The source's own function is imported only when it is needed: the sample web is large. Returns metrics."""
    if params.source == "sample":
        from lab.sample.crawl import crawl
    elif params.source == "warc":
        from lab.crawl.warc import crawl
    else:
        from lab.crawl.commoncrawl import crawl
    return crawl(out, params, engine)
