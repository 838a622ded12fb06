"""Scores of predictions of survival, and of grades."""

from sklearn_logitprod.metrics.brier import brier_score, integrated_brier_score, safe_time_grid
from sklearn_logitprod.metrics.calibration import DCalibration, d_calibration
from sklearn_logitprod.metrics.concordance import concordance_index, concordance_index_ipcw
from sklearn_logitprod.metrics.grades import ranked_probability_score
from sklearn_logitprod.metrics.kaplan_meier import kaplan_meier

__all__ = [
    "DCalibration",
    "brier_score",
    "concordance_index",
    "concordance_index_ipcw",
    "d_calibration",
    "integrated_brier_score",
    "kaplan_meier",
    "ranked_probability_score",
    "safe_time_grid",
]
