"""Prevalence of classes among samples without labels, from what a calibrated model says of them.

If only the prevalence pi differs from that of the fit, pi0, the outputs p of n samples have the
log-likelihood ``L(pi) = sum_i log sum_k p_ik pi_k / pi0_k`` (Saerens et al. 2002). Plain maximum
likelihood moves where nothing shifted; three things hold it:

- **Where the model stands.** Its mean prediction on its fit data is not exactly pi0, and for a
  model that knows little, that alone looks like a shift. An offset of the scores sets this right,
  the bias that Alexandari et al. (2020) find to matter most.
- **What the fit can know.** The classes' densities were learned from n_fit samples. Both sides are
  samples: L counts as that of ``1 / (1 / n + 1 / n_fit)`` rows, over the fit's design effect.
- **Whether there is a shift.** ``pi = pi0`` is a hypothesis of its own beside Dirichlet priors
  ``Dir(a pi0)``, large a for small shifts; their marginal likelihoods (Laplace, in log-odds) say
  how much each counts. So the strength follows how well the samples tell the prevalence.

References
----------
Saerens, Latinne, Decaestecker: Adjusting the outputs of a classifier to new a priori
probabilities. Neural Computation 14, 2002. Alexandari, Kundaje, Shrikumar: Maximum likelihood with
bias-corrected calibration is hard-to-beat at label shift adaptation. ICML 2020.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, log_expit, logsumexp, ndtr

# how likely no shift is before the samples are looked at
_NO_SHIFT = 0.8
# precisions of the Dirichlet priors of a shift, in units of `strength`
_PRECISIONS = (1.5, 0.5, 0.15, 0.05)
_LEVEL = 0.95
# of log-prevalences
_PRECISION = 1e-7
_MAX_ITER = 500
# relative to the mean of the curvature's diagonal
_RIDGE = 1e-12
# step of a log-prevalence
_LONGEST = 20.0


@dataclass(frozen=True, eq=False)
class Prevalence:
    """Estimated prevalence of classes.

    Attributes
    ----------
    prior : ndarray of shape (n_classes,)
        Posterior mean; positive, sums to 1.
    lower, upper : ndarray of shape (n_classes,)
        Interval of 95 % for each class, of the posterior given that there was a shift. It is
        about the samples' population, and holds ``prior``.
    shift_probability : float
        That the prevalence is another than that of the fit.
    n_effective : float
        Rows that the log-likelihood counted as.
    """

    prior: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    shift_probability: float
    n_effective: float


def estimate_prevalence(
    log_proba, fit_prior, *, offset=None, n_fit=np.inf, design_effect=1.0, strength=20.0
):
    """Prevalence of classes in the population of samples without labels.

    Parameters
    ----------
    log_proba : ndarray of shape (n_samples, n_classes)
        Fused log-probabilities.
    fit_prior : ndarray of shape (n_classes,)
        Prevalence in the fit, positive, summing to 1.
    offset : ndarray of shape (n_classes,), optional
        With it, mean predictions on the fit data are ``fit_prior``; 0 if not given.
    n_fit : float
        Samples of the fit.
    design_effect : float
        By which dependence within groups shrinks what samples tell.
    strength : float
        Scale, in rows, of the precisions of the priors of a shift.

    Returns
    -------
    Prevalence
    """
    scores = log_proba if offset is None else log_proba + offset
    ratios = np.exp(scores - scores.max(axis=1, keepdims=True))
    ratios /= ratios.sum(axis=1, keepdims=True)
    ratios /= fit_prior
    n_samples = len(ratios)
    counted = 1.0 / (1.0 / n_samples + 1.0 / n_fit) / design_effect
    prior, found = fit_prior, []
    for precision in _PRECISIONS:
        shift = _Shift(ratios, fit_prior, strength * precision, counted)
        # from the mode of the stronger prior
        prior = shift.solve(prior)
        found.append(shift.posterior(prior))
    evidence = np.array([np.log(_NO_SHIFT), *(part.evidence for part in found)])
    evidence[1:] += np.log((1.0 - _NO_SHIFT) / len(found))
    share = np.exp(evidence - logsumexp(evidence))
    modes = np.array([part.mode for part in found])
    mean = share @ np.vstack([fit_prior, modes])
    own = np.exp(evidence[1:] - logsumexp(evidence[1:]))
    lower, upper = _interval(own, modes, np.array([part.deviation for part in found]))
    return Prevalence(
        mean / mean.sum(),
        np.minimum(lower, mean),
        np.maximum(upper, mean),
        float(share[1:].sum()),
        float(counted),
    )


@dataclass(frozen=True, eq=False)
class _Posterior:
    """Laplace's approximation in log-odds: mode, deviation of each class's, log evidence."""

    mode: np.ndarray
    deviation: np.ndarray
    evidence: float


class _Shift:
    """Log posterior of prevalences under one Dirichlet prior, in log-odds.

    The density ``prod_k pi_k^(a pi0_k)`` with respect to log-odds is what ``Dir(a pi0)`` is in
    them; with the log-likelihood it is concave in pi, so that the mode is the only one.
    """

    def __init__(self, ratios, fit_prior, precision, counted):
        self.ratios, self.fit_prior, self.precision = ratios, fit_prior, precision
        self.factor = counted / len(ratios)
        self.counted = counted

    def _at(self, prior):
        joint = self.ratios * prior
        total = joint.sum(axis=1)
        value = self.factor * np.log(total).sum()
        value += self.precision * self.fit_prior @ np.log(prior)
        joint /= total[:, None]
        return joint, value

    def _slope(self, prior, mean):
        return self.counted * (mean - prior) + self.precision * (self.fit_prior - prior)

    def _curvature(self, prior, joint, mean):
        """Minus the second derivative in log-odds."""
        spread = np.diag(prior) - np.outer(prior, prior)
        within = self.counted * np.diag(mean) - self.factor * joint.T @ joint
        return (self.counted + self.precision) * spread - within

    def solve(self, prior):
        """The mode, by Newton steps where they lead up and by EM where they do not."""
        joint, value = self._at(prior)
        for _ in range(_MAX_ITER):
            mean = joint.mean(axis=0)
            step = self._newton(prior, joint, mean)
            if step is not None:
                trial = prior * np.exp(np.maximum(step - step.max(), -_LONGEST))
                trial /= trial.sum()
                new = self._at(trial)
            if step is None or not new[1] >= value:
                trial = self.counted * mean + self.precision * self.fit_prior
                trial /= self.counted + self.precision
                new = self._at(trial)
            moved = np.abs(np.log(trial / prior)).max()
            prior, (joint, value) = trial, new
            if moved < _PRECISION:
                break
        return prior

    def _newton(self, prior, joint, mean):
        curvature = self._curvature(prior, joint, mean)
        try:
            np.linalg.cholesky(curvature[:-1, :-1])
        except np.linalg.LinAlgError:
            return None
        return _solved(curvature, self._slope(prior, mean))

    def posterior(self, mode):
        """Laplace's approximation at the mode."""
        joint, value = self._at(mode)
        curvature = self._curvature(mode, joint, joint.mean(axis=0))
        n_classes = len(mode)
        sign, log_det = np.linalg.slogdet(curvature[:-1, :-1])
        if sign <= 0:
            # rounding where a class is all but absent: what the prior alone says
            curvature = self.precision * (np.diag(mode) - np.outer(mode, mode))
            # its determinant without a row and a column, which rounding may make 0, too
            log_det = (n_classes - 1) * np.log(self.precision) + np.log(mode).sum()
        shares = self.precision * self.fit_prior
        evidence = value + gammaln(self.precision) - gammaln(shares).sum()
        evidence += 0.5 * ((n_classes - 1) * np.log(2.0 * np.pi) - log_det)
        # the log-odds of class k have the gradient e_k - pi without k, normalised
        gradient = -np.repeat(mode[None, :], n_classes, axis=0)
        np.fill_diagonal(gradient, 0.0)
        gradient /= -gradient.sum(axis=1, keepdims=True)
        np.fill_diagonal(gradient, 1.0)
        variance = (gradient * _solved(curvature, gradient.T).T).sum(axis=1)
        return _Posterior(mode, np.sqrt(np.maximum(variance, 0.0)), float(evidence))


def _solved(curvature, right):
    """Solution of a system that does not see constants, as its right side does not either."""
    scale = np.trace(curvature) / len(curvature)
    # classes next to without mass still have an answer
    ridge = _RIDGE * scale * np.eye(len(curvature))
    return np.linalg.solve(curvature + scale / len(curvature) + ridge, right)


def _interval(share, modes, deviations):
    """Central interval of each class under a mixture of normals in log-odds."""
    centre = np.log(modes) - np.log1p(-np.minimum(modes, 1.0 - 1e-16))
    deviations = np.maximum(deviations, 1e-12)
    bounds = []
    for level in (0.5 - 0.5 * _LEVEL, 0.5 + 0.5 * _LEVEL):
        low = (centre - 10.0 * deviations).min(axis=0)
        high = (centre + 10.0 * deviations).max(axis=0)
        for _ in range(60):
            middle = 0.5 * (low + high)
            below = share @ ndtr((middle - centre) / deviations) < level
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        bounds.append(np.exp(log_expit(0.5 * (low + high))))
    return bounds
