"""Experiments: which decision made the base model better. Ablations as data, run through DVC;
and where a score came from.

Only this room knows DVC's experiments: it plans variants x seeds (plan, overrides, budget), runs them in clones of the
project (queue, schedule, workspace), finds them again (repository), and reads what they gave (results, lineage).
"""
