"""Sharpness and class bias of scores that are otherwise fixed."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from sklearn_logitprod.training.data import design_effect
from sklearn_logitprod.training.prior import HeadSpec

# of the gradient, in nats
_PRECISION = 1e-7


def fit_affine(scores, likelihood, weight, groups=None):
    """Sharpness s and class bias c of ``F' = s F + c``, held at s = 1 and c = 0.

    Minimises ``sum_i weight_i loss_i / deff + 1/2 [strength (log s)^2 + 3 |c|^2]``, the priors
    being those of a fit.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_classes)
        Fused scores F.
    likelihood : Likelihood
    weight : ndarray of shape (n_samples,)
    groups : ndarray of shape (n_samples,), int, optional

    Returns
    -------
    log_sharpness : float
    shift : ndarray of shape (n_classes,)
    """
    spec = HeadSpec()
    weight = weight / design_effect(likelihood.loss(scores), weight, groups)
    precision = np.full(scores.shape[1] + 1, spec.class_bias_prior)
    precision[0] = spec.sharpness_prior * likelihood.strength

    def objective(theta):
        sharpness = np.exp(theta[0])
        loss, slope, _ = likelihood.loss_gradient(sharpness * scores + theta[1:])
        slope = slope * weight[:, None]
        gradient = np.append(sharpness * (slope * scores).sum(), slope.sum(axis=0))
        return weight @ loss + 0.5 * precision @ theta**2, gradient + precision * theta

    solved = minimize(
        objective, np.zeros(len(precision)), jac=True, method="BFGS", options={"gtol": _PRECISION}
    )
    return float(solved.x[0]), solved.x[1:]
