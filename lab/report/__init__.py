"""Reports: the page of one run (run/), the pages of many runs (studies/), and the charts and templates of both."""
