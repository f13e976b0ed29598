"""The lab: from a web crawl to a scored base model, every artifact versioned and replayable."""
