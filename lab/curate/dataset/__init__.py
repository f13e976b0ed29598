"""The stage dataset: train and validation split, with a dataset card."""
