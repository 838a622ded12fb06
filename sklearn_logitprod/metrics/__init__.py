"""Scores of predictions: classes, survival, grades, distributions of values."""

from sklearn_logitprod.metrics.brier import brier_score, integrated_brier_score, safe_time_grid
from sklearn_logitprod.metrics.calibration import DCalibration, d_calibration
from sklearn_logitprod.metrics.concordance import concordance_index, concordance_index_ipcw
from sklearn_logitprod.metrics.grades import ranked_probability_score
from sklearn_logitprod.metrics.kaplan_meier import kaplan_meier
from sklearn_logitprod.metrics.net_benefit import net_benefit, net_benefit_survival
from sklearn_logitprod.metrics.recalibration import Recalibration, recalibration
from sklearn_logitprod.metrics.values import (
    crps_gaussian,
    interval_coverage,
    interval_score,
    nll_gaussian,
    pinball_loss,
)

__all__ = [
    "DCalibration",
    "Recalibration",
    "brier_score",
    "concordance_index",
    "concordance_index_ipcw",
    "crps_gaussian",
    "d_calibration",
    "integrated_brier_score",
    "interval_coverage",
    "interval_score",
    "kaplan_meier",
    "net_benefit",
    "net_benefit_survival",
    "nll_gaussian",
    "pinball_loss",
    "ranked_probability_score",
    "recalibration",
    "safe_time_grid",
]
