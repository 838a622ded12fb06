"""The methods of the suite by name: ours, and the opponents of each kind of task."""

from __future__ import annotations

from functools import partial

import suite_rivals as classes
import survival_rivals as survival
from neural import neural_ensembler
from published import published
from rivals import (
    best_single,
    greedy_selection,
    mean_of_logits,
    stacked_logistic,
    stacked_logistic_cv,
)
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

AUTO, CONSTANT, LINEAR = "LogitProd auto", "LogitProd constant", "LogitProd linear"
SINGLE, LOGITS, PROBABILITIES = "best single expert", "mean of logits", "mean of probabilities"
GREEDY, NEURAL = "greedy ensemble", "neural ensembler"
LOGISTIC, LOGISTIC_CV = "logistic on log-probabilities", "logistic CV on log-probabilities"
PAPER, RANKS = "LogitProd-paper", "rank averaging"
FUSION_LR, FUSION_MLP = "feature fusion, logistic", "feature fusion, MLP"
FUSION_COX = "feature fusion, Cox"
ORACLE_NAME = "oracle"

OPTIONS = {AUTO: {}, CONSTANT: {"gate_width": None}, LINEAR: {"gate_width": 0}}
OURS = tuple(OPTIONS)

CLASS_METHODS = {
    **{name: partial(classes.logitprod, options) for name, options in OPTIONS.items()},
    SINGLE: classes.of_outputs(best_single),
    LOGITS: classes.of_outputs(mean_of_logits),
    PROBABILITIES: classes.voting,
    "temperature-scaled mean": classes.scaled_mean,
    GREEDY: classes.of_outputs(greedy_selection),
    "stacking, logistic": partial(classes.stacking, partial(LogisticRegression, max_iter=1000)),
    "stacking, boosting": partial(classes.stacking, HistGradientBoostingClassifier),
    LOGISTIC: classes.of_outputs(stacked_logistic),
    LOGISTIC_CV: classes.of_outputs(stacked_logistic_cv),
    "KNORA-U": classes.knora,
    NEURAL: classes.of_outputs(neural_ensembler),
}
OF_TABLES = {
    FUSION_LR: partial(classes.feature_fusion, partial(LogisticRegression, C=0.01, max_iter=1000)),
    FUSION_MLP: partial(classes.feature_fusion, partial(MLPClassifier, random_state=0)),
}
FIRST_SPLIT = {PAPER: classes.of_outputs(published)}
"""Run on the first split of a repeat alone: hundreds of epochs take long."""
_LEFT_OUT = {
    "without linear pool": {"linear_pool": False},
    "without sharpness and bias": {"calibrate": False},
}
ABLATION = {
    **{name: partial(classes.logitprod, options) for name, options in _LEFT_OUT.items()},
    "without groups": partial(classes.logitprod, {"groups": False}),
}
"""Parts of the automatic gate left out, on the first repeat; without a gate it is the constant
pool."""
ORACLE = {ORACLE_NAME: classes.oracle}

SURVIVAL_METHODS = {
    **{name: partial(survival.logitprod, options) for name, options in OPTIONS.items()},
    SINGLE: survival.best_single,
    RANKS: survival.rank_average,
    LOGITS: survival.mean_of_logits,
    PROBABILITIES: survival.mean_of_curves,
    "scikit-survival stacking": survival.stacking,
}
SURVIVAL_OF_TABLES = {FUSION_COX: survival.feature_fusion}
SURVIVAL_ABLATION = {
    name: partial(survival.logitprod, options) for name, options in _LEFT_OUT.items()
}
