"""Scores of a base model by lm-eval, through our own adapter, and whether two models differ."""
