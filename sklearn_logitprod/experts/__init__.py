"""Experts as parameters, experts on the features of one encoder, and their default heads."""

from sklearn_logitprod.experts.all_views import AllViewsExpert, on_all_views
from sklearn_logitprod.experts.views import ViewExpert, on_view
from sklearn_logitprod.heads.cox import CoxHead
from sklearn_logitprod.heads.logistic import LogisticHead
from sklearn_logitprod.heads.ridge import RidgeHead

__all__ = [
    "AllViewsExpert",
    "CoxHead",
    "LogisticHead",
    "RidgeHead",
    "ViewExpert",
    "on_all_views",
    "on_view",
]
