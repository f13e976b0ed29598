"""Experiments: which decision made the base model better. Ablations as data, run through DVC;
and where a score came from.

This room alone knows git and DVC: it plans variants x seeds (plan, overrides, budget), runs them in clones of the
project (workspace, schedule), finds them again (history) and reads what they left (results, lineage).
"""
