"""Experts as parameters: named, run, cross-fitted, shown, their answers aligned."""
