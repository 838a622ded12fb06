"""Gating features: what the gate sees of a sample, computed from its logits alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FEATURE_SETS = ("default", "paper")

_CLIP = 3.0


def gating_features(columns, feature_set="default"):
    """Gating features phi(x) of a block of samples.

    ``"paper"`` is the set of arXiv 2604.07779: per expert the maximum probability, the
    margin between the two largest and the entropy; across experts the mean entropy and
    the mutual information (entropy of the mean minus mean entropy). ``"default"`` adds
    per expert the Kullback-Leibler divergence to the mean probability, the probability
    given to the class that the mean puts first, and whether the expert is present.
    Entropies and divergences are in nats.

    Parameters
    ----------
    columns : Columns
    feature_set : {"default", "paper"}

    Returns
    -------
    ndarray of shape (n_samples, n_features), float64
        ``3 * n_experts + 2`` features for ``"paper"``, ``6 * n_experts + 2`` for
        ``"default"``; one kind after the other, each expert by expert, the two shared
        ones last. The columns never depend on what is missing; entries of a missing
        expert are NaN.
    """
    proba, n_experts = columns.proba, columns.n_experts
    n_samples = columns.n_samples
    present = columns.present[:, :n_experts]
    kinds = 3 if feature_set == "paper" else 6
    out = np.empty((kinds * n_experts + 2, n_samples)).T
    part = [out[:, i * n_experts : (i + 1) * n_experts] for i in range(kinds)]

    # a loop over few classes beats sorting each row
    top, second = _two_largest(proba)
    entropy = -np.einsum("nmk,nmk->nm", proba, columns.log_proba[:, :n_experts])
    mean = columns.mean_proba
    log_mean = np.log(mean)
    part[0][...] = top
    np.subtract(top, second, out=part[1])
    part[2][...] = entropy
    if feature_set != "paper":
        cross_entropy = -np.einsum("nmk,nk->nm", proba, log_mean)
        np.subtract(cross_entropy, entropy, out=part[3])
        part[4][...] = proba[np.arange(n_samples), :, mean.argmax(axis=-1)]
    if not columns.complete:
        for own in part[:5]:
            own[~present] = np.nan
    if feature_set != "paper":
        # a gap tells the gate something, too: whoever is missing may be so for a reason
        part[5][...] = present
    mean_entropy = entropy.sum(axis=1) / present.sum(axis=1)
    out[:, -2] = mean_entropy
    out[:, -1] = -(mean * log_mean).sum(axis=1) - mean_entropy
    return out


def _two_largest(values):
    """Largest and second largest value over the last axis."""
    top = values[..., 0].copy(order="K")
    second = np.full_like(top, -np.inf)
    for k in range(1, values.shape[-1]):
        np.maximum(second, np.minimum(top, values[..., k]), out=second)
        np.maximum(top, values[..., k], out=top)
    return top, second


def feature_names(expert_names, feature_set="default"):
    """Names of the columns of :func:`gating_features`, in order."""
    kinds = ["max_proba", "margin", "entropy"]
    if feature_set != "paper":
        kinds += ["divergence", "agreement", "present"]
    names = [f"{k}({expert})" for k in kinds for expert in expert_names]
    return [*names, "mean_entropy", "mutual_information"]


@dataclass(frozen=True, eq=False)
class Standardiser:
    """Weighted standardisation of gating features, fixed at fit time.

    Attributes
    ----------
    centre : ndarray of shape (n_features,)
        Weighted mean over the rows where the feature is defined.
    inverse_scale : ndarray of shape (n_features,)
        One over the weighted standard deviation; 0 for features that do not vary on
        the fit data, which are thereby ignored.
    """

    centre: np.ndarray
    inverse_scale: np.ndarray

    @classmethod
    def from_moments(cls, count, total, total_square):
        """Standardiser of the weighted count, sum and sum of squares per feature."""
        count = np.maximum(count, np.finfo(float).tiny)
        centre = total / count
        variance = np.maximum(total_square / count - centre**2, 0.0)
        # rounding of the moments must not turn a constant feature into a varying one
        varies = variance > 1e-12 * np.maximum(total_square / count, 1e-6)
        inverse = np.where(varies, 1.0 / np.sqrt(np.where(varies, variance, 1.0)), 0.0)
        return cls(centre, inverse)

    def __call__(self, features):
        """Standardised features, clipped to 3 standard deviations, 0 where NaN."""
        out = features - self.centre
        out *= self.inverse_scale
        np.clip(out, -_CLIP, _CLIP, out=out)
        out[np.isnan(out)] = 0.0
        return out


def feature_moments(features, weight):
    """Weighted count, sum and sum of squares of each feature over its defined rows.

    Parameters
    ----------
    features : ndarray of shape (n_samples, n_features)
    weight : ndarray of shape (..., n_samples)

    Returns
    -------
    tuple of three ndarray of shape (..., n_features)
    """
    defined = ~np.isnan(features)
    filled = np.where(defined, features, 0.0)
    return weight @ defined, weight @ filled, weight @ filled**2
