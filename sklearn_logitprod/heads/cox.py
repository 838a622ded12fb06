"""CoxHead: risks from features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_logitprod._typing import CrossValidation, Floats, RandomState
from sklearn_logitprod.heads.base import PRIOR_VARIANCES, LinearHead
from sklearn_logitprod.heads.path import fit_path
from sklearn_logitprod.metrics.concordance import concordance_index
from sklearn_logitprod.targets.events import check_events


class PartialLikelihood:
    """Minus Cox's log partial likelihood with Breslow's ties, for a batch of weights.

    ``sum over events i of v_i (log sum_{t_j >= t_i} v_j exp f_j - f_i)``: a row of weight 2 is
    the row twice, which no other treatment of ties gives. All sums stay in logarithms.

    Parameters
    ----------
    event : ndarray of shape (n_samples,), bool
    time : ndarray of shape (n_samples,), float64
    """

    n_outputs = 1
    has_intercept = False

    def __init__(self, event, time):
        self.event = event
        # latest first: risk sets are then sums from the start to the last of equal times
        self._order = np.argsort(-time, kind="stable")
        self._back = np.argsort(self._order)
        sorted_time = -time[self._order]
        self._last = np.searchsorted(sorted_time, sorted_time, side="right") - 1
        self._first = np.searchsorted(sorted_time, sorted_time, side="left")

    def _parts(self, scores, weights):
        """Scores of rows sorted by time, log weights of their events, and log risk sets."""
        scores, weights = scores[self._order, :, 0], weights[self._order]
        with np.errstate(divide="ignore"):
            log_weight = np.log(weights)
        risk = np.logaddexp.accumulate(log_weight + scores, axis=0)[self._last]
        counted = self.event[self._order, None] & (weights > 0.0)
        return scores, log_weight, np.where(counted, log_weight, -np.inf), risk

    def _exposure(self, log_event, risk, power):
        """Logarithm of the sum of ``v_i / R_i^power`` over events up to each row's time."""
        terms, counted = np.full(risk.shape, -np.inf), ~np.isneginf(log_event)
        terms[counted] = log_event[counted] - power * risk[counted]
        return np.logaddexp.accumulate(terms[::-1], axis=0)[::-1][self._first]

    def _values(self, scores, log_event, risk):
        terms, counted = np.zeros(risk.shape), ~np.isneginf(log_event)
        terms[counted] = np.exp(log_event[counted]) * (risk - scores)[counted]
        return terms.sum(axis=0)

    def value_and_slope(self, scores, weights):
        """As of :class:`~sklearn_logitprod.heads.path.Loss`."""
        scores, log_weight, log_event, risk = self._parts(scores, weights)
        expected = np.exp(log_weight + scores + self._exposure(log_event, risk, 1))
        slope = (expected - np.exp(log_event))[self._back]
        return self._values(scores, log_event, risk), slope[:, :, None]

    def curvature(self, scores, weights):
        """As of :class:`~sklearn_logitprod.heads.path.Loss`."""
        scores, log_weight, log_event, risk = self._parts(scores, weights)
        hazard = log_weight + scores
        own = np.exp(hazard + self._exposure(log_event, risk, 1))
        own -= np.exp(2.0 * hazard + self._exposure(log_event, risk, 2))
        return np.maximum(own, 0.0)[self._back][:, :, None]

    def blocks(self, scores, weights):
        """As of :class:`~sklearn_logitprod.heads.path.Loss`."""
        return self.curvature(scores, weights)[:, :, :, None]

    def held_out(self, scores, fitted, every):
        """As of :class:`~sklearn_logitprod.heads.path.Loss`.

        What the held-out rows add to the partial likelihood of all: within a fold of a few
        events alone, hardly anything would be compared with anything (Verweij and van
        Houwelingen 1993).
        """
        total = np.repeat(every[:, None], scores.shape[1], axis=1)
        whole, part = (
            self._values(own, log_event, risk)
            for own, _, log_event, risk in (self._parts(scores, w) for w in (total, fitted))
        )
        return float((whole - part).sum())


class CoxHead(LinearHead):
    """Cox's proportional hazards on features, with a ridge penalty that is chosen inside.

    Features are standardised, and the penalised partial likelihood is fitted on the principal
    scores of their Gram matrix, as by :class:`LogisticHead`. The penalty has the largest
    cross-validated partial likelihood [1]_. Ties are Breslow's: a row of weight 2 is the row twice.

    Parameters
    ----------
    prior_variances : sequence of float, default=(0.01, 0.0316, ..., 100000)
        Prior variances of the log relative hazard that are tried: the penalty on the squared
        coefficients is ``n_features / variance``, halved. A single one fixes it.
    cv : int, splitter or iterable of splits, default=5
        How the penalty is chosen. A number means shuffled folds with equal shares of events that
        keep groups together.
    random_state : int, RandomState instance or None, default=None
        Seeds the folds; None means 0.

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features), float64
        Log hazard ratios of the features in their units.
    intercept_ : ndarray of shape (1,), float64
        Such that the mean risk over the fit data is 0.
    prior_variance_ : float
        The one chosen.
    cv_losses_ : ndarray of shape (n_variances,), float64
        Minus the cross-validated partial likelihood per row, from the smallest prior variance on;
        NaN beyond the end of the path.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where X is a frame with such.

    References
    ----------
    .. [1] Verweij and van Houwelingen, "Cross-validation in survival analysis", Statistics in
       Medicine 12, 1993.

    Examples
    --------
    The larger the feature, the earlier the event:

    >>> import numpy as np
    >>> from sklearn_logitprod.experts import CoxHead
    >>> x, time = np.arange(8.0)[:, None], np.arange(8.0, 0.0, -1.0)
    >>> y = np.array([(True, t) for t in time], dtype=[("event", bool), ("time", float)])
    >>> head = CoxHead(prior_variances=[1.0]).fit(x, y)
    >>> bool(head.predict([[7.0]])[0] > head.predict([[0.0]])[0])
    True
    >>> head.score(x, y)
    1.0
    """

    def __init__(
        self,
        *,
        prior_variances: Sequence[float] = PRIOR_VARIANCES,
        cv: CrossValidation = 5,
        random_state: RandomState = None,
    ) -> None:
        self.prior_variances = prior_variances
        self.cv = cv
        self.random_state = random_state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> CoxHead:
        """Fit at the penalty with the largest cross-validated partial likelihood.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, finite.
        y : structured array of shape (n_samples,) or DataFrame
            Event and time, as of ``LogitProdSurvival``.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative; 0 leaves a row out.
        groups : array-like of shape (n_samples,), default=None
            Rows of one group stay in one fold.

        Returns
        -------
        self : CoxHead

        Raises
        ------
        ValueError
            If no row of positive weight has an event, no feature varies, or an input is not as
            said here.
        """
        if y is None:
            raise ValueError("CoxHead requires y to be passed, but the target y is None.")
        X = self._features(X)
        event, time, _ = check_events(y, len(X))
        kept, weight, principal, penalties = self._prepared(X, sample_weight)
        if not event[kept].any():
            raise ValueError(
                f"None of the {len(kept)} rows of the fit has an event: nothing can be learned "
                "about who has one earlier."
            )
        folds = self._held_out(event.astype(np.intp), groups, kept, len(X))
        loss = PartialLikelihood(event[kept], time[kept])
        self._keep_path(principal, fit_path(principal, loss, weight, folds, penalties))
        return self

    def predict(self, X: Any) -> Floats:
        """Log relative hazards.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, as in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,), float64
            Higher for earlier events; 0 on average over the fit data.
        """
        return self._linear(X)[:, 0]

    def score(self, X: Any, y: Any) -> float:
        """Concordance of the risks with events and times (Harrell's C).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, as in ``fit``.
        y : structured array of shape (n_samples,) or DataFrame
            As in ``fit``.

        Returns
        -------
        float
            Share of comparable pairs that the risks order rightly.
        """
        risk = self.predict(X)
        event, time, _ = check_events(y, len(risk))
        return concordance_index(event, time, risk)
