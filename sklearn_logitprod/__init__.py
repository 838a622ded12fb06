"""Fuse the predictions of many fixed experts: logarithmic opinion pools with a gate."""

from sklearn_logitprod._version import __version__
from sklearn_logitprod.estimators.classifier import LogitProdClassifier
from sklearn_logitprod.estimators.multilabel import LogitProdMultilabelClassifier
from sklearn_logitprod.estimators.regressor import LogitProdRegressor
from sklearn_logitprod.estimators.survival import LogitProdSurvival
from sklearn_logitprod.outputs.stack import stack_outputs
from sklearn_logitprod.search.classifier import LogitProdClassifierCV
from sklearn_logitprod.search.regressor import LogitProdRegressorCV
from sklearn_logitprod.search.survival import LogitProdSurvivalCV
from sklearn_logitprod.targets.partial import label_sets

__all__ = [
    "LogitProdClassifier",
    "LogitProdClassifierCV",
    "LogitProdMultilabelClassifier",
    "LogitProdRegressor",
    "LogitProdRegressorCV",
    "LogitProdSurvival",
    "LogitProdSurvivalCV",
    "__version__",
    "label_sets",
    "stack_outputs",
]
