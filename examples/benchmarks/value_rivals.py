"""Opponents of the regression benchmark: each gives means and variances for new rows.

All see the same out-of-fold predictions of the experts. A method that predicts values alone
becomes a Gaussian by the variance of what it leaves on rows that it was not fitted on.
"""

from __future__ import annotations

import numpy as np
from scipy.special import beta
from scipy.stats import norm, t
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_predict

SINGLE, MEAN, INVERSE = "best single expert", "mean of experts", "inverse-variance mean"
RIDGE, BOOSTING = "stacked ridge", "stacked boosting"
_PENALTIES = np.logspace(-3, 4, 15)


def _line(f, y):
    slope, intercept = np.polyfit(f, y, 1) if np.ptp(f) > 0 else (0.0, y.mean())
    residual = y - intercept - slope * f
    return intercept, slope, (residual**2).sum() / (len(y) - 2)


def best_single(P, y, Q):
    """The expert of the least negative log-likelihood, calibrated by a line and a variance."""
    lines = [_line(f, y) for f in P.T]
    best = int(np.argmin([variance for *_, variance in lines]))
    intercept, slope, variance = lines[best]
    return intercept + slope * Q[:, best], variance


def mean_of_experts(P, y, Q):
    """Equal weights, as ``VotingRegressor`` has them."""
    return Q.mean(axis=1), np.mean((y - P.mean(axis=1)) ** 2)


def inverse_variance(P, y, Q):
    """Weights by the inverse of the experts' mean squared errors."""
    weight = 1.0 / np.mean((P - y[:, None]) ** 2, axis=0)
    weight /= weight.sum()
    return Q @ weight, np.mean((y - P @ weight) ** 2)


def stacked_ridge(P, y, Q):
    """Ridge regression of standardised predictions; the variance is that of left-out rows."""
    centre, scale = P.mean(axis=0), P.std(axis=0) + 1e-12
    model = RidgeCV(_PENALTIES, scoring="neg_mean_squared_error").fit((P - centre) / scale, y)
    return model.predict((Q - centre) / scale), -model.best_score_


def stacked_boosting(P, y, Q):
    """Gradient boosting of the predictions; the variance is cross-validated."""
    model = HistGradientBoostingRegressor(max_iter=50, learning_rate=0.1, random_state=0)
    outside = cross_val_predict(model, P, y, cv=5)
    return model.fit(P, y).predict(Q), np.mean((y - outside) ** 2)


RIVALS = {
    SINGLE: best_single,
    MEAN: mean_of_experts,
    INVERSE: inverse_variance,
    RIDGE: stacked_ridge,
    BOOSTING: stacked_boosting,
}


def crps(z, freedom):
    """Continuous ranked probability score at distances ``z`` from a density of scale 1.

    Gneiting & Raftery 2007, Journal of the American Statistical Association 102, equation 21,
    for Gaussians; for Student's t Jordan, Krueger & Lerch 2019, Journal of Statistical Software 90.
    """
    if np.isinf(freedom):
        return z * (2.0 * norm.cdf(z) - 1.0) + 2.0 * norm.pdf(z) - 1.0 / np.sqrt(np.pi)
    own = t(freedom)
    tail = 2.0 * own.pdf(z) * (freedom + z**2)
    constant = 2.0 * np.sqrt(freedom) * beta(0.5, freedom - 0.5) / beta(0.5, 0.5 * freedom) ** 2
    return z * (2.0 * own.cdf(z) - 1.0) + (tail - constant) / (freedom - 1.0)


def scores_of(y, location, scale, freedom=np.inf):
    """Scores of predictions by Gaussians or Student's t, values in one unit: a dict."""
    density = norm if np.isinf(freedom) else t(freedom)
    z = (y - location) / scale
    return {
        "NLL": np.mean(np.log(scale) - density.logpdf(z)),
        "CRPS": np.mean(scale * crps(z, freedom)),
        "RMSE": np.sqrt(np.mean((y - location) ** 2)),
        "in 80 %": np.mean(np.abs(z) <= density.ppf(0.9)),
        "in 95 %": np.mean(np.abs(z) <= density.ppf(0.975)),
    }
