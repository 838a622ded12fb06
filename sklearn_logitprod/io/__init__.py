"""Readers of expert outputs in files."""

from sklearn_logitprod.io.clam import read_clam
from sklearn_logitprod.io.logitprod import read_logitprod
from sklearn_logitprod.io.mcat import read_mcat
from sklearn_logitprod.io.nnmil import read_nnmil
from sklearn_logitprod.io.panel import read_panel
from sklearn_logitprod.io.slideflow import read_slideflow
from sklearn_logitprod.io.stamp import read_stamp
from sklearn_logitprod.io.tables import read_tables
from sklearn_logitprod.outputs.container import ExpertOutputs

__all__ = [
    "ExpertOutputs",
    "read_clam",
    "read_logitprod",
    "read_mcat",
    "read_nnmil",
    "read_panel",
    "read_slideflow",
    "read_stamp",
    "read_tables",
]
