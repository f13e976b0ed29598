"""The stage language: documents in the wanted languages."""
