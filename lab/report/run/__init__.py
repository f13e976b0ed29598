"""The report of one run: reports/index.html."""
