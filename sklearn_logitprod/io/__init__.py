"""Readers of expert outputs in files."""

from sklearn_logitprod.io.layouts import read_clam, read_mcat, read_stamp
from sklearn_logitprod.io.logitprod import read_logitprod
from sklearn_logitprod.io.tables import read_tables
from sklearn_logitprod.outputs.container import ExpertOutputs

__all__ = [
    "ExpertOutputs",
    "read_clam",
    "read_logitprod",
    "read_mcat",
    "read_stamp",
    "read_tables",
]
