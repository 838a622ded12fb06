"""What the heads share: parameters, checks of features, folds, linear predictors."""

from __future__ import annotations

from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from sklearn_logitprod._text import warn
from sklearn_logitprod.heads.principal import Principal
from sklearn_logitprod.outputs.native import plain
from sklearn_logitprod.targets.folds import fold_rows
from sklearn_logitprod.targets.weights import check_groups, check_weights

PRIOR_VARIANCES = tuple(float(f"{10.0**exponent:.3g}") for exponent in np.arange(-2.0, 5.1, 0.5))
"""Prior variances of a linear predictor that are tried, from next to none to next to no penalty."""


class LinearHead(BaseEstimator):
    """A linear predictor of standardised features under a ridge penalty that is chosen inside.

    Subclasses check y and fit; they have the parameters ``prior_variances``, ``cv`` and
    ``random_state``.
    """

    _parameter_constraints = {
        "prior_variances": ["array-like"],
        "cv": ["cv_object"],
        "random_state": ["random_state"],
    }

    def _features(self, X):
        """Features of a fit, checked."""
        self._validate_params()
        return self._values(X, reset=True)

    def _values(self, X, reset):
        """Features as an array; their number and names become or meet those of the fit."""
        # of a frame its array: checks of the dtype of each column take longer than a fit
        values = plain(X)
        values = values.to_numpy() if hasattr(values, "to_numpy") else values
        name = type(self).__name__
        values = check_array(values, ensure_min_samples=1 + reset, estimator=name, input_name="X")
        validate_data(self, X, reset=reset, skip_check_array=True)
        return values

    def _variances(self):
        """Prior variances, the smallest and so the largest penalty first."""
        values = list(self.prior_variances)
        bad = [own for own in values if not (isinstance(own, Real) and 0.0 < own < np.inf)]
        if bad or not values:
            found = f"holds {bad[0]!r}" if bad else "is empty"
            raise ValueError(
                f"prior_variances {found}; each entry is a positive number, and one at least is "
                "needed: a single one fixes the penalty."
            )
        return np.unique(np.asarray(values, dtype=np.float64))

    def _prepared(self, X, sample_weight):
        """Rows of positive weight, their weights and principal scores, and the penalties."""
        variances = self._variances()
        weight = check_weights(sample_weight, len(X))
        kept = np.flatnonzero(weight)
        principal = Principal.of(X[kept], weight[kept])
        if principal.n_varying == 0:
            raise ValueError(
                f"None of the {X.shape[1]} features varies over the {len(kept)} rows of the fit: a "
                "head has nothing to learn from. Leave out what holds no values."
            )
        return kept, weight[kept], principal, principal.n_varying / variances

    def _held_out(self, strata, groups, kept, n_samples):
        """Held-out rows of each fold, as positions in ``kept``; none for a single penalty."""
        if len(self._variances()) == 1:
            return []
        groups = check_groups(groups, n_samples)
        if groups is not None and len(np.unique(groups[kept])) < 2:
            raise ValueError(
                "groups has a single group, but the penalty is cross-validated over groups and "
                "needs at least two. Leave groups out, or fix the penalty with "
                "prior_variances=[1.0]."
            )
        seed = 0 if self.random_state is None else self.random_state
        if not isinstance(seed, (int, np.integer)):
            seed = int(seed.randint(np.iinfo(np.int32).max))
        return fold_rows(self.cv, strata, groups, kept, int(seed))

    def _keep(self, principal, theta, constant, best, losses):
        """Fitted attributes, in units of the features."""
        self.coef_, self.intercept_ = principal.linear(theta, constant)
        self.prior_variance_ = float(self._variances()[best])
        self.cv_losses_ = losses

    def _keep_path(self, principal, path):
        if not path.converged:
            warn(
                f"The fit of {type(self).__name__} stopped before it converged. Leave out the "
                "largest of prior_variances.",
                ConvergenceWarning,
            )
        self._keep(principal, path.theta, path.constant, path.best, path.losses)

    def _linear(self, X):
        """Linear predictors (n_samples, n_outputs), float64."""
        check_is_fitted(self)
        return self._values(X, reset=False) @ self.coef_.T + self.intercept_
