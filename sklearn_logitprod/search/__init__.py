"""Searches over gates: all candidates and folds solved side by side."""
