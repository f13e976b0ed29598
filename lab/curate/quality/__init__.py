"""The stage quality: documents that read like prose worth learning from."""
