"""Readers of files, outputs of experts and features of slides, and from slides to patients."""

from sklearn_logitprod.io.clam import read_clam
from sklearn_logitprod.io.embeddings import read_embeddings
from sklearn_logitprod.io.isolated import isolated
from sklearn_logitprod.io.logitprod import read_logitprod
from sklearn_logitprod.io.mcat import read_mcat
from sklearn_logitprod.io.nnmil import read_nnmil
from sklearn_logitprod.io.panel import read_panel
from sklearn_logitprod.io.patients import aggregate
from sklearn_logitprod.io.slideflow import read_slideflow
from sklearn_logitprod.io.stamp import read_stamp
from sklearn_logitprod.io.tables import read_tables
from sklearn_logitprod.outputs.container import ExpertOutputs
from sklearn_logitprod.outputs.embeddings import Embeddings

__all__ = [
    "Embeddings",
    "ExpertOutputs",
    "aggregate",
    "isolated",
    "read_clam",
    "read_embeddings",
    "read_logitprod",
    "read_mcat",
    "read_nnmil",
    "read_panel",
    "read_slideflow",
    "read_stamp",
    "read_tables",
]
