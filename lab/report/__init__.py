"""The report: everything a run left behind, as one page that opens from disk."""
