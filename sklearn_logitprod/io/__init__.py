"""Readers of expert outputs in files."""

from sklearn_logitprod._expert_outputs import ExpertOutputs

__all__ = ["ExpertOutputs"]
