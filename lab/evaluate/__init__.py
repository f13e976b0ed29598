"""Scores of a base model by lm-eval, through our own adapter, and what a difference between two models is worth."""
