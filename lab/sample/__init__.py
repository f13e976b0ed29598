"""The embedded sample web: documentation of this installation and pages of a simulated town, written as WARC files."""
