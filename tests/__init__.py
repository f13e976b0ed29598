"""The tests mirror lab/; tests/e2e runs the pipeline."""
