"""The stage quality: documents that read like prose worth learning from.

A filter is one file of this folder, and its name in FILTERS. lab/curate/quality/thresholds.py says what the file holds;
its section of params.yaml, stored statistics, report, `lab what-if` and ablations follow from it.
"""

from lab.curate.quality import c4, fineweb, gopher, repetition

FILTERS = (repetition, gopher, c4, fineweb)  # in FineWeb's order, which is the default of quality.filters
BY_NAME = {module.__name__.rpartition(".")[2]: module for module in FILTERS}
