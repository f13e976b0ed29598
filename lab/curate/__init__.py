"""From the pages of a crawl to a corpus: which pages, which text of them, and which of the texts are good."""
