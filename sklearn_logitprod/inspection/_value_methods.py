"""Other ways to combine predicted values, fitted on what a fusion learns from.

As in ``_methods``, rows are natural parameters of calibrated experts. What is combined is read as
an expert is: a line and the variance of what remains, on the fit data, make a density of it, with
the tails of the fusion.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from sklearn.linear_model import RidgeCV

from sklearn_logitprod.fusion.values import GAUSSIAN, moments, natural_parameters
from sklearn_logitprod.inspection._methods import filled
from sklearn_logitprod.training.values import fit_values, likely_scale

_ALPHAS = np.logspace(-3, 4, 15)


def _mean_of_experts(parameters):
    """Mean of the predictions of the experts present, and no deviation."""
    return np.nanmean(moments(parameters)[0], axis=1), None


def _inverse_variance(parameters):
    """Mean weighted by the precisions of the experts present, and its deviation were they apart."""
    mean, variance = moments(np.nansum(parameters, axis=1))
    return mean, np.sqrt(variance)


def _read_as_expert(combine, parameters, likelihood):
    weight = np.ones(likelihood.n_samples)
    model = fit_values({0: combine(parameters)}, likelihood, weight)[0]
    return lambda new: natural_parameters(*model.moments(*combine(new)))


def _stacked_ridge(parameters, likelihood):
    """Ridge regression on the predictions, its penalty and its variance by leaving one out."""

    def inputs(parameters):
        return moments(filled(parameters, GAUSSIAN))[0]

    model = RidgeCV(_ALPHAS, store_cv_results=True).fit(inputs(parameters), likelihood.value)
    squared = model.cv_results_[:, np.flatnonzero(model.alpha_ == _ALPHAS)[0]]
    variance = likely_scale(squared, np.ones(len(squared)), likelihood.freedom)

    def predict(new):
        mean = model.predict(inputs(new))
        return natural_parameters(mean, np.full(len(mean), variance))

    return predict


VALUE_METHODS = {
    "mean of experts": partial(_read_as_expert, _mean_of_experts),
    "inverse-variance mean": partial(_read_as_expert, _inverse_variance),
    "stacked ridge": _stacked_ridge,
}
"""For values."""
