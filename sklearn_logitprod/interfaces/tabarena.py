"""An ensembler of TabArena, which simulates ensembles from stored predictions of many models."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import NotFittedError

from sklearn_logitprod._text import brief
from sklearn_logitprod.estimators.classifier import LogitProdClassifier
from sklearn_logitprod.estimators.regressor import LogitProdRegressor

_CLASSES = ("binary", "multiclass")
# said by the problem
_OWN = ("experts", "input", "classes", "cv")


class LogitProdEnsembler:
    """LogitProd with the methods of TabArena's ``AbstractEnsembler``.

    TabArena [1]_ asks for a class and calls its methods; ours has them without being derived from
    theirs, so that neither package needs the other. It is passed as ``ensembler_cls``, and
    parameters as ``ensembler_kwargs``. Predictions are read as probabilities, or as predicted
    values of a regression. As it is no linear combination of them, TabArena has to be told
    ``use_fast_metrics=False``: what it calls fast are scores of linear ones.

    Parameters
    ----------
    problem_type : {"binary", "multiclass", "regression"}
        What the predictions are of.
    metric : object, default=None
        What TabArena scores by. Not used: the log-loss (or negative log-likelihood) is fitted.
    **params : dict
        Of `LogitProdClassifier` or `LogitProdRegressor`, such as ``gate_width=None``.

    Attributes
    ----------
    linear : bool
        False.
    model_ : LogitProdClassifier or LogitProdRegressor
        Fitted.
    n_models_ : int
        Number of models.

    Raises
    ------
    ValueError
        If the problem is of another type, or a parameter is unknown.

    References
    ----------
    .. [1] Erickson et al., "TabArena: a living benchmark for machine learning on tabular data",
       arXiv:2506.16791, 2025; ``tabarena.simulation.ensemble.AbstractEnsembler``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_logitprod.interfaces import LogitProdEnsembler
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(2, size=200)
    >>> scores = 2 * labels - 1 + rng.normal(size=(3, 200))
    >>> predictions = 1 / (1 + np.exp(-scores))  # (n_models, n_samples)
    >>> ensembler = LogitProdEnsembler(problem_type="binary", gate_width=None)
    >>> ensembler.fit(predictions=predictions, labels=labels).predict_proba(predictions).shape
    (200,)
    """

    linear = False

    def __init__(self, *, problem_type: str, metric: Any = None, **params: Any) -> None:
        if problem_type not in (*_CLASSES, "regression"):
            raise ValueError(
                f"problem_type={problem_type!r}: LogitProd fuses 'binary', 'multiclass' and "
                "'regression'."
            )
        kind = LogitProdRegressor if problem_type == "regression" else LogitProdClassifier
        known = [name for name in kind().get_params(deep=False) if name not in _OWN]
        unknown = [name for name in params if name not in known]
        if unknown:
            raise ValueError(
                f"{unknown[0]!r} is no parameter that {kind.__name__} takes here: there are "
                f"{brief(known, 40)}."
            )
        self.problem_type, self.metric, self.params = problem_type, metric, params

    def fit(
        self, *, predictions: ArrayLike, labels: ArrayLike, time_limit: float | None = None
    ) -> LogitProdEnsembler:
        """Fit on predictions of samples that are new to the models.

        Parameters
        ----------
        predictions : array-like of shape (n_models, n_samples) or (n_models, n_samples, n_classes)
            Of a binary problem the probability of the second class.
        labels : array-like of shape (n_samples,)
            Classes as numbers from 0, or values.
        time_limit : float, default=None
            Not used: a fit takes seconds.

        Returns
        -------
        LogitProdEnsembler
            Itself.

        Raises
        ------
        ValueError
            If predictions are no probabilities, labels no numbers of classes, or shapes differ.
        """
        values, y = self._read(predictions), np.asarray(labels)
        if y.shape != values.shape[:1]:
            raise ValueError(
                f"labels have shape {y.shape}, but predictions are of {len(values)} samples: their "
                "first axis is that of the models."
            )
        if self.problem_type == "regression":
            self.model_: Any = LogitProdRegressor(input="mean", **self.params)
        else:
            n_classes = 2 if self.problem_type == "binary" else values.shape[2]
            numbers = y.astype(np.intp) if y.dtype.kind in "biu" else _whole(y)
            if numbers is None or not np.isin(numbers, range(n_classes)).all():
                raise ValueError(
                    f"labels of a problem that is {self.problem_type} are numbers from 0 to "
                    f"{n_classes - 1} here, not {brief(dict.fromkeys(y.tolist()))}: pass the "
                    "positions of the classes."
                )
            y = numbers
            own: dict[str, Any] = {"input": "proba", "classes": list(range(n_classes))}
            self.model_ = LogitProdClassifier(**own, **self.params)
        self.model_.fit(values, y)
        self.n_models_ = values.shape[1]
        return self

    def predict_proba(self, predictions: ArrayLike) -> NDArray[np.float64]:
        """Fused predictions, in the form of those of each model.

        Parameters
        ----------
        predictions : array-like
            As of ``fit``, of the same models.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes), float64

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            If predictions are of other models.
        """
        self._check_fitted()
        values = self._read(predictions)
        if values.shape[1] != self.n_models_:
            raise ValueError(
                f"predictions are of {values.shape[1]} models, and those of the fit were of "
                f"{self.n_models_}: pass the same, in their order."
            )
        if self.problem_type == "regression":
            return np.asarray(self.model_.predict(values), dtype=np.float64)
        proba = np.asarray(self.model_.predict_proba(values), dtype=np.float64)
        return proba[:, 1] if self.problem_type == "binary" else proba

    def predict(self, predictions: ArrayLike, *, problem_type: str | None = None) -> NDArray[Any]:
        """Classes as numbers from 0, or values.

        Parameters
        ----------
        predictions : array-like
            As of ``fit``, of the same models.
        problem_type : str, default=None
            That of the fit, if it is given.

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        ValueError
            If another type is asked for than was fitted.
        """
        if problem_type not in (None, self.problem_type):
            raise ValueError(
                f"problem_type={problem_type!r}, but {self.problem_type!r} was fitted. Pass "
                "use_fast_metrics=False, so that predictions stay as the models gave them."
            )
        fused = self.predict_proba(predictions)
        if self.problem_type == "regression":
            return fused
        return (fused >= 0.5).astype(np.intp) if fused.ndim == 1 else fused.argmax(axis=1)

    def model_weights(self) -> None:
        """None: no fixed linear weights stand for a product; see ``expert_weights`` of `model_`."""
        return None

    def models_used(self) -> NDArray[np.bool_]:
        """Which models a prediction needs: all.

        Returns
        -------
        ndarray of shape (n_models,), bool
        """
        self._check_fitted()
        return np.ones(self.n_models_, dtype=bool)

    def info(self) -> dict[str, Any]:
        """What is known of the fit.

        Returns
        -------
        dict
            ``loss`` on the samples of the fit, and ``reference_loss``, that of the best single
            model or mean of all on them.
        """
        self._check_fitted()
        best = float(np.min(self.model_.reference_losses_))
        return {"loss": float(self.model_.loss_), "reference_loss": best}

    def _check_fitted(self):
        if not hasattr(self, "model_"):
            raise NotFittedError("This LogitProdEnsembler is not fitted yet: call fit first.")

    def _read(self, predictions):
        """Predictions with samples first."""
        try:
            values = np.asarray(predictions, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"predictions hold values that are no numbers, or rows of different lengths "
                f"({error})."
            ) from error
        n_axes = 3 if self.problem_type == "multiclass" else 2
        if values.ndim != n_axes:
            expected = (
                "(n_models, n_samples, n_classes)" if n_axes == 3 else "(n_models, n_samples)"
            )
            raise ValueError(
                f"predictions have shape {values.shape}; of a problem that is "
                f"{self.problem_type} they are {expected}."
            )
        if self.problem_type in _CLASSES and ((values < 0.0) | (values > 1.0)).any():
            odd = values[(values < 0.0) | (values > 1.0)][0]
            raise ValueError(
                f"predictions hold {odd:.6g}; of classes they are probabilities, in [0, 1]."
            )
        return np.swapaxes(values, 0, 1)


def _whole(values):
    """Floats that are whole numbers as such; None for anything else."""
    if values.dtype.kind != "f" or not (values == np.floor(values)).all():
        return None
    return values.astype(np.intp)
