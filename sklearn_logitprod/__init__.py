"""Fuse the predictions of many fixed experts: logarithmic opinion pools with a gate."""

from sklearn_logitprod._classifier import LogitProdClassifier
from sklearn_logitprod._outputs import stack_outputs
from sklearn_logitprod._search import LogitProdClassifierCV
from sklearn_logitprod._survival import LogitProdSurvival
from sklearn_logitprod._survival_search import LogitProdSurvivalCV
from sklearn_logitprod._version import __version__

__all__ = [
    "LogitProdClassifier",
    "LogitProdClassifierCV",
    "LogitProdSurvival",
    "LogitProdSurvivalCV",
    "__version__",
    "stack_outputs",
]
