"""ExpertOutputs: what files of expert outputs hold, and what it means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sklearn_logitprod._typing import Floats

if TYPE_CHECKING:
    import pandas as pd

    from sklearn_logitprod.outputs.overview import Overview

# far below the floor of all probabilities, so that the logarithm of 0 is finite and floored alike
_TINY = 1e-300

_TASKS = {
    "logits": "classes",
    "proba": "classes",
    "label_logits": "labels",
    "label_proba": "labels",
    "hazard_logits": "events",
    "survival": "events",
    "risk": "events",
    "mean": "values",
    "mean_std": "values",
}
_ESTIMATORS = {
    "classes": "LogitProdClassifier",
    "labels": "LogitProdMultilabelClassifier",
    "events": "LogitProdSurvival",
    "values": "LogitProdRegressor",
}


@dataclass(frozen=True, eq=False, repr=False)
class ExpertOutputs:
    """Aligned outputs of several experts on the same samples, and what they mean.

    It goes into ``fit`` and ``predict`` in place of X. What its values mean comes with
    them, so `input`, `classes` and `times` of the estimator need not be given, and are
    not used; experts and classes are matched by name. ``fit(outputs)`` alone takes y
    and groups from it, too.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_experts, n_classes), float64
        Logits or probabilities; with times as the last axis hazard logits or survival;
        of shape (n_samples, n_experts) for risks and predicted values, (n_samples, n_experts,
        2) for values with standard deviations. NaN where an expert is missing.
    input : {"logits", "proba", "label_logits", "label_proba", "hazard_logits", "survival", \
"risk", "mean", "mean_std"}
        What the values are; of several labels, log-odds or probabilities of each.
    expert_names : list of str
        Names of the experts.
    classes : ndarray of shape (n_classes,) or None
        Class labels of the last axis, or names of several labels; None for survival and values.
    y : ndarray of shape (n_samples,) or (n_samples, n_labels), or None
        Class labels, values, or for survival a structured array ``(event, time)``; of several
        labels 0, 1, and NaN where one was not tested.
    ids : ndarray of shape (n_samples,) or None
        Identifiers of the samples.
    groups : ndarray of shape (n_samples,) or None
        Groups of dependent samples, such as patients.
    times : ndarray of shape (n_times,), float64, or None
        Right ends of the intervals, for hazard logits and survival.

    Raises
    ------
    ValueError
        If shapes do not fit together.

    See Also
    --------
    stack_outputs : The same from arrays, as a DataFrame.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_logitprod.io import ExpertOutputs
    >>> proba = np.array([[[0.9, 0.1], [0.6, 0.4]], [[0.2, 0.8], [np.nan, np.nan]]])
    >>> ExpertOutputs(proba, "proba", ["uni", "conch"], np.array(["normal", "tumour"]))
    ExpertOutputs(2 samples, 2 experts, classes ['normal', 'tumour'], input='proba', 25 % missing)
    """

    values: np.ndarray
    input: str
    expert_names: list[str]
    classes: np.ndarray | None = None
    y: np.ndarray | None = None
    ids: np.ndarray | None = None
    groups: np.ndarray | None = None
    times: np.ndarray | None = None

    def __post_init__(self):
        if self.input not in _TASKS:
            raise ValueError(f"input={self.input!r} is unknown; it is one of {list(_TASKS)}.")
        labels = self.labels
        if labels is None:
            name = "times" if self.task_name == "events" else "classes"
            raise ValueError(f"input={self.input!r} needs `{name}`, one for each column.")
        shape = (len(self.expert_names),) + ((len(labels),) if len(labels) else ())
        if np.shape(self.values)[1:] != shape:
            raise ValueError(
                f"values have shape {np.shape(self.values)}, expected (n_samples, "
                f"{', '.join(map(str, shape))}) for {len(self.expert_names)} experts and "
                f"input={self.input!r}."
            )
        for name in ("y", "ids", "groups"):
            own = getattr(self, name)
            if own is not None and len(own) != len(self.values):
                raise ValueError(f"{name} has {len(own)} entries for {len(self.values)} samples.")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the values."""
        return self.values.shape

    @property
    def ndim(self) -> int:
        """Number of axes of the values."""
        return self.values.ndim

    @property
    def task_name(self) -> str:
        """Task: "classes", "labels", "events" or "values", as `input` says."""
        return _TASKS[self.input]

    @property
    def labels(self) -> Any:
        """Labels of the last axis: classes or times, "mean" and "std"; () where there is none."""
        if self.input in ("risk", "mean"):
            return ()
        if self.input == "mean_std":
            return ("mean", "std")
        return self.times if self.task_name == "events" else self.classes

    @property
    def logits(self) -> Floats:
        """Logits or natural log-probabilities: (n_samples, n_experts, n_classes), float64.

        Hazard logits for survival. NaN where an expert is missing; the logarithm of 0
        is that of 1e-300, far below the floor of all probabilities.
        """
        if self.input in ("logits", "label_logits", "hazard_logits"):
            return self.values
        if self.input == "proba":
            return np.log(np.maximum(self.values, _TINY))
        raise AttributeError(f"outputs with input={self.input!r} have no logits; see `values`")

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Where an expert is missing: (n_samples, n_experts), bool."""
        missing = np.isnan(self.values)
        return missing if missing.ndim == 2 else missing.all(axis=2)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: Any) -> ExpertOutputs:
        """Some rows: an index array, a mask or a slice; a trailing ``...`` is allowed."""
        if isinstance(rows, tuple) and len(rows) == 2 and rows[1] is Ellipsis:
            rows = rows[0]
        if isinstance(rows, tuple) or np.isscalar(rows):
            raise IndexError(
                "ExpertOutputs are indexed by several rows, such as outputs[:10] or "
                "outputs[outputs.y == 'tumour']; one axis more is found in `values`."
            )
        own = {name: getattr(self, name) for name in ("values", "y", "ids", "groups")}
        taken: dict[str, Any] = {name: v if v is None else v[rows] for name, v in own.items()}
        return replace(self, **taken)

    def take_experts(self, names: Sequence[str]) -> ExpertOutputs:
        """Only some experts, by name and in this order.

        Parameters
        ----------
        names : sequence of str
            Names of experts that are there.

        Returns
        -------
        ExpertOutputs
        """
        unknown = [name for name in names if name not in self.expert_names]
        if unknown:
            raise ValueError(f"no expert is named {unknown[0]!r}; there are {self.expert_names}.")
        position = [self.expert_names.index(name) for name in names]
        return replace(self, values=self.values[:, position], expert_names=list(names))

    def to_frame(self) -> pd.DataFrame:
        """The values as a DataFrame, indexed by the identifiers.

        Returns
        -------
        DataFrame of shape (n_samples, n_experts * n_classes)
            Columns (expert, class), (expert, time) or (expert, "mean" or "std"); for risks and
            predicted values alone one per expert.
        """
        import pandas as pd

        index = None if self.ids is None else pd.Index(self.ids)
        if self.values.ndim == 2:
            return pd.DataFrame(self.values, index=index, columns=self.expert_names)
        columns = pd.MultiIndex.from_product([self.expert_names, np.asarray(self.labels).tolist()])
        return pd.DataFrame(self.values.reshape(len(self), -1), index=index, columns=columns)

    def __repr__(self):
        counts = {"sample": len(self), "expert": len(self.expert_names)}
        parts = [f"{count} {name}{'s' * (count != 1)}" for name, count in counts.items()]
        for name in ("classes", "times"):
            if getattr(self, name) is not None:
                parts.append(f"{name} {np.asarray(getattr(self, name)).tolist()}")
        parts.append(f"input={self.input!r}")
        if self.missing.any():
            parts.append(f"{100 * self.missing.mean():.3g} % missing")
        return f"ExpertOutputs({', '.join(parts)})"

    def __str__(self):
        return f"{self!r}\n\n{self.overview.text()}"

    def _repr_html_(self):
        return self.overview.html(repr(self))

    @property
    def overview(self) -> Overview:
        """Experts at a glance, as ``print`` and notebooks show them.

        Of each the share of the samples that it has, loss and calibration slope where y is known,
        agreement with the others, and what looks odd: constant, duplicated, on another scale, worse
        than chance, suspiciously perfect.
        """
        # it reads outputs by what is built on these
        from sklearn_logitprod.outputs.glance import glance

        return glance(self)


def task_of(input):
    """Name of the task that values of a kind are of."""
    return _TASKS[input]


def estimator_of(input):
    """Name of the estimator that takes values of a kind."""
    return _ESTIMATORS[_TASKS[input]]


def declared(X, input):
    """X as an array or frame, and what its values mean.

    Parameters
    ----------
    X : array, DataFrame or ExpertOutputs
    input : str
        What the values of an array or frame are.

    Returns
    -------
    X : array or DataFrame
    input : str
    """
    return (X.to_frame(), X.input) if isinstance(X, ExpertOutputs) else (X, input)
