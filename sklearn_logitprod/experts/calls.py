"""From estimators to one aligned array: responses, class order, cross-fitting, caching."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, check_cv
from sklearn.pipeline import _name_estimators
from sklearn.utils import _safe_indexing
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _num_samples, check_is_fitted, check_memory

from sklearn_logitprod.outputs.classes import SUM_TOLERANCE, Outputs, brief

METHODS = ("predict_log_proba", "predict_proba", "decision_function")


def name_experts(experts):
    """Experts as (name, estimator) pairs.

    Parameters
    ----------
    experts : list of (str, estimator) or of estimators
        Bare estimators are named by their class, in lower case, and numbered where
        that is not unique, as ``make_pipeline`` does.

    Returns
    -------
    list of (str, estimator)
    """
    if isinstance(experts, (str, dict)) or not hasattr(experts, "__iter__"):
        raise ValueError(
            f"experts is {type(experts).__name__} {experts!r}, but a list of (name, estimator) "
            "pairs or of estimators is needed; None if X holds precomputed outputs."
        )
    pairs, bare = [], []
    for item in experts:
        if isinstance(item, (tuple, list)):
            if len(item) != 2 or not isinstance(item[0], str):
                raise ValueError(
                    f"experts holds {item!r}; each entry is an estimator or a pair "
                    "(name, estimator) with a name that is a string."
                )
            pairs.append(tuple(item))
        else:
            bare.append(item)
    if pairs and bare:
        raise ValueError("experts mixes (name, estimator) pairs and bare estimators; name all.")
    pairs = pairs or _name_estimators(bare)
    if not pairs:
        raise ValueError("experts is empty: give at least one expert, or None for precomputed X.")
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"experts has the name {name!r} {names.count(name)} times.")
        if "__" in name:
            raise ValueError(f"The expert's name {name!r} must not contain '__'.")
    return pairs


def active_experts(experts, replies):
    """The named experts that are not ``"drop"``, each checked to give such replies."""
    pairs = [(name, expert) for name, expert in name_experts(experts) if expert != "drop"]
    if not pairs:
        raise ValueError("All experts are dropped; at least one is needed.")
    for name, expert in pairs:
        if isinstance(expert, type):
            raise ValueError(f"Expert {name!r} is a class; pass an instance, {expert.__name__}().")
        if not any(hasattr(expert, method) for method in replies.methods):
            raise ValueError(
                f"Expert {name!r} ({type(expert).__name__}) has none of "
                f"{', '.join(replies.methods)}. {replies.wanted}"
            )
    return pairs


def seeded(pairs, seed):
    """Experts whose unset random states are set, each to a number of its own.

    Parameters
    ----------
    pairs : list of (str, estimator)
    seed : int

    Returns
    -------
    list of (str, estimator)
        Clones.
    """
    random = np.random.RandomState(seed)
    out = []
    for name, expert in pairs:
        own = random.randint(np.iinfo(np.int32).max)
        copied = _named(name, clone, expert)
        unset = {
            key: own
            for key, value in copied.get_params(deep=True).items()
            if value is None and key.rpartition("__")[2] == "random_state"
        }
        if unset:
            copied.set_params(**unset)
        out.append((name, copied))
    return out


def check_prefit(name, expert):
    """Raise unless an expert is fitted, or none of scikit-learn's business."""
    try:
        check_is_fitted(expert)
    except NotFittedError as error:
        raise ValueError(
            f"Expert {name!r} is not fitted, but cv='prefit' takes experts as they are. Fit it "
            "first, on other data than these, or set cv=5 to cross-fit all experts here."
        ) from error
    except TypeError:
        # not a scikit-learn estimator: it predicts or raises, we cannot know before
        return


@dataclass(frozen=True)
class Caller:
    """How experts are run: in parallel, through a cache.

    Attributes
    ----------
    memory : None, str or joblib.Memory
    n_jobs : int or None
    progress : callable or None
        Called with a line of text before each call.
    """

    memory: object = None
    n_jobs: int | None = None
    progress: object = None

    def _run(self, jobs):
        """Results of (text, arguments of :func:`_named`) pairs, in order, with progress."""
        tell = self.progress or (lambda text: None)
        workers = effective_n_jobs(self.n_jobs)
        if workers > 1:
            # not every backend hands over results one by one
            tell(f"{len(jobs)} calls of experts on {workers} workers")
            return Parallel(n_jobs=self.n_jobs)(delayed(_named)(*job) for _, job in jobs)
        out = []
        for text, job in jobs:
            tell(f"{text} ({len(out) + 1}/{len(jobs)})")
            out.append(_named(*job))
        return out

    def outputs(self, pairs, X, replies):
        """Outputs of fitted experts on X.

        Parameters
        ----------
        pairs : list of (str, estimator)
        X : whatever the experts take
        replies : ClassReplies or EventReplies

        Returns
        -------
        Outputs or EventOutputs
        """
        call = check_memory(self.memory).cache(replies.ask)
        results = self._run(
            [(f"expert {name}", (name, call, expert, X, *replies.args)) for name, expert in pairs]
        )
        n_samples = _num_samples(X)
        return replies.collect(pairs, [[one] for one in results], [slice(None)], n_samples)

    def cross_fit(self, pairs, X, y, replies, splits, fit_params):
        """Out-of-fold outputs, and the experts refitted on everything.

        Parameters
        ----------
        pairs : list of (str, estimator)
            Unfitted; they are cloned.
        X, y : data and what the experts are fitted on
        replies : ClassReplies or EventReplies
        splits : list of (train rows, test rows)
            A partition: each row is held out once.
        fit_params : dict of str to dict
            Keyword arguments of ``fit``, by expert.

        Returns
        -------
        outputs : Outputs or EventOutputs
        fitted : list of (str, estimator)
        """
        fit = check_memory(self.memory).cache(_fit)
        out = check_memory(self.memory).cache(_fit_ask)
        asked = (replies.ask, replies.args)
        jobs = [
            (
                f"expert {name}, fold {number}/{len(splits)}",
                (name, out, clone(expert), X, y, train, test, fit_params[name], *asked),
            )
            for name, expert in pairs
            for number, (train, test) in enumerate(splits, start=1)
        ]
        jobs += [
            (f"expert {name}, all rows", (name, fit, clone(expert), X, y, fit_params[name]))
            for name, expert in pairs
        ]
        done = iter(self._run(jobs))
        results = [[next(done) for _ in splits] for _ in pairs]
        fitted = [(name, next(done)) for name, _ in pairs]
        return replies.collect(pairs, results, [test for _, test in splits], len(y)), fitted


@dataclass(frozen=True)
class ClassReplies:
    """What classifiers are asked, and what is made of their answers.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
    missing_classes : {"raise", "floor", "mean"}
        What stands for a class that an expert does not know.
    """

    classes: np.ndarray
    missing_classes: str = "raise"

    methods = METHODS
    wanted = "Experts are classifiers that give probabilities or scores."
    shuffle = False
    args = ()

    @staticmethod
    def ask(expert, X):
        """Values of the best response an expert has, which that is, and its classes."""
        return _respond(expert, X)

    @staticmethod
    def strata(target):
        """What folds of cross-fitting should hold alike."""
        return target.y

    def collect(self, pairs, results, rows, n_samples):
        """Outputs of answers.

        Parameters
        ----------
        pairs : list of (str, estimator)
        results : list of list
            Answers of each expert, for each part of the rows.
        rows : list of slice or ndarray of int
            The parts.
        n_samples : int

        Returns
        -------
        Outputs
        """
        proba = np.empty((n_samples, len(pairs), len(self.classes)))
        for m, (name, _) in enumerate(pairs):
            for number, own in enumerate(rows):
                where = name if len(rows) == 1 else f"{name}, fold {number + 1}"
                values, method, known = results[m][number]
                n_own = len(proba[own])
                proba[own, m] = align(
                    where, values, method, known, self.classes, self.missing_classes, n_own
                )
        return as_outputs(fill_classes(proba), pairs)

    def suspects(self, outputs, codes):
        """Names of experts that look as if they had been trained on these rows."""
        return leaked(outputs.names, outputs.values, codes)


def make_splits(cv, y, groups, seed, shuffle=False):
    """Splits for cross-fitting: a partition of the rows, groups kept together.

    Parameters
    ----------
    cv : int, splitter or iterable of (train, test)
    y : ndarray of shape (n_samples,)
    groups : ndarray of shape (n_samples,) or None
    seed : int
    shuffle : bool
        Whether a number of folds without groups is made of shuffled rows.

    Returns
    -------
    list of (ndarray of int, ndarray of int)
    """
    if isinstance(cv, (int, np.integer)) and groups is not None:
        cv = StratifiedGroupKFold(cv, shuffle=True, random_state=seed)
    elif isinstance(cv, (int, np.integer)) and shuffle:
        cv = StratifiedKFold(cv, shuffle=True, random_state=seed)
    splitter = check_cv(cv, y, classifier=True)
    placeholder = np.empty((len(y), 0))
    splits = [
        (np.arange(len(y))[train], np.arange(len(y))[test])
        for train, test in splitter.split(placeholder, y, groups)
    ]
    held_out = np.concatenate([test for _, test in splits])
    if len(held_out) != len(y) or len(np.unique(held_out)) != len(y):
        raise ValueError(
            f"cv={cv!r} holds out {len(np.unique(held_out))} of {len(y)} rows, some of them "
            f"{np.bincount(held_out).max()} times; cross-fitting needs each row exactly once. "
            "Use a number of folds or a KFold-like splitter."
        )
    return splits


def _named(name, function, *args):
    """Call a function of an expert; what it raises names the expert."""
    try:
        return function(*args)
    except Exception as error:
        kind = next((k for k in (ValueError, TypeError) if isinstance(error, k)), RuntimeError)
        raise kind(f"Expert {name!r} failed: {type(error).__name__}: {error}") from error


def _respond(expert, X):
    """Values of the best response an expert has, which that is, and its classes."""
    method = next(method for method in METHODS if hasattr(expert, method))
    with np.errstate(divide="ignore"):
        # the logarithm of a probability of 0 is what the floor is for
        values = np.asarray(getattr(expert, method)(X))
    return values, method, getattr(expert, "classes_", None)


def _fit(expert, X, y, fit_params):
    return expert.fit(X, y, **fit_params)


def _fit_ask(expert, X, y, train, test, fit_params, ask, args):
    own = {
        key: value if value is None else _safe_indexing(value, train)
        for key, value in fit_params.items()
    }
    expert.fit(_safe_indexing(X, train), _safe_indexing(y, train), **own)
    return ask(expert, _safe_indexing(X, test), *args)


def align(name, values, method, known, classes, missing_classes, n_samples):
    """Probabilities of an expert's response in the order of ``classes``.

    Parameters
    ----------
    name : str
        For messages.
    values : ndarray
        Response of the expert.
    method : str
        The method that gave it.
    known : ndarray or None
        The expert's ``classes_``; None takes its columns as they are.
    classes : ndarray of shape (n_classes,)
    missing_classes : {"raise", "floor", "mean"}
    n_samples : int
        Number of rows the expert was given.

    Returns
    -------
    ndarray of shape (n_samples, n_classes), float64
        A class that the expert does not know is 0 ("floor") or NaN ("mean").
    """
    n_known = len(classes) if known is None else len(known)
    if method == "decision_function" and values.ndim == 1:
        values = np.column_stack([np.zeros(len(values)), values])
    if values.ndim != 2 or values.shape[1] != n_known:
        raise ValueError(
            f"Expert {name!r}: {method} gave shape {values.shape}, expected (n_samples, "
            f"{n_known}), one column per class of {brief(classes if known is None else known)}."
        )
    if len(values) != n_samples:
        raise ValueError(
            f"Expert {name!r}: {method} gave {len(values)} rows for {n_samples} samples."
        )
    try:
        values = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"Expert {name!r}: {method} gave values that are no numbers.") from error
    bad = np.isnan(values) | (np.isposinf(values) if method == METHODS[0] else np.isinf(values))
    if bad.any():
        row = int(np.argwhere(bad)[0][0])
        raise ValueError(
            f"Expert {name!r}: {method} gave {values[bad][0]} in row {row} of its input. Mend the "
            "expert; if it cannot judge some samples, pass precomputed outputs with NaN there."
        )
    if method == "decision_function":
        values = np.exp(values - values.max(axis=1, keepdims=True))
        values /= values.sum(axis=1, keepdims=True)
    elif method == "predict_log_proba":
        values = np.exp(values)
    total = values.sum(axis=1)
    off = (np.abs(total - 1.0) > SUM_TOLERANCE) | (values < 0).any(axis=1)
    if off.any():
        row = int(np.argmax(off))
        raise ValueError(
            f"Expert {name!r}: {method} gave no probabilities in row {row} of its input: lowest "
            f"{values[row].min():.6g}, sum {total[row]:.6g} instead of 1. Mend the expert, or wrap "
            "it so that decision_function gives its scores."
        )
    if known is None:
        return values
    labels, wanted = np.asarray(known).tolist(), classes.tolist()
    unknown = [label for label in labels if label not in set(wanted)]
    if unknown:
        raise ValueError(
            f"Expert {name!r} knows classes {brief(unknown)} that y lacks: it was trained on "
            f"{brief(labels)}, y has {brief(wanted)}. If y merely lacks a class here, name all "
            "with `classes`."
        )
    lacking = [label for label in wanted if label not in set(labels)]
    if lacking and missing_classes == "raise":
        raise ValueError(
            f"Expert {name!r} does not know classes {brief(lacking)} of y: it was trained on "
            f"{brief(labels)}. Set missing_classes='floor' to give them the floor probability, or "
            "'mean' to give them what the other experts say."
        )
    out = np.full((len(values), len(wanted)), np.nan if missing_classes == "mean" else 0.0)
    out[:, [wanted.index(label) for label in labels]] = values
    return out


def fill_classes(proba):
    """Replace classes that an expert does not know by the mean of those that do.

    The expert's own probabilities shrink to make room; a class that no expert knows
    gets 0, hence the floor.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_experts, n_classes)
        NaN where unknown.

    Returns
    -------
    ndarray of the same shape, rows summing to 1
    """
    unknown = np.isnan(proba)
    if not unknown.any():
        return proba
    count = (~unknown).sum(axis=1, keepdims=True)
    mean = np.where(unknown, 0.0, proba).sum(axis=1, keepdims=True) / np.maximum(count, 1)
    borrowed = np.where(unknown, mean, 0.0)
    own = np.where(unknown, 0.0, proba) * (1.0 - borrowed.sum(axis=-1, keepdims=True))
    return own + borrowed


def as_outputs(proba, pairs):
    """Aligned probabilities of experts as :class:`Outputs`."""
    names = [name for name, _ in pairs]
    return Outputs(proba, "proba", names, np.arange(proba.shape[2]))


def leaked(names, proba, codes):
    """Names of experts that look as if they had been trained on these very rows.

    An expert with next to no error is suspect when the others err often, or when its own
    probabilities let expect many more errors: forests know their training rows better
    than they say.

    Parameters
    ----------
    names : list of str
    proba : ndarray of shape (n_samples, n_experts, n_classes)
    codes : ndarray of shape (n_samples,), int

    Returns
    -------
    list of str
    """
    errors = (proba.argmax(axis=2) != codes[:, None]).sum(axis=0)
    expected = (1.0 - proba.max(axis=2)).sum(axis=0)
    count = max(len(errors) - 1, 1)
    others = (errors.sum() - errors) / count
    due = np.maximum(expected, others)
    suspect = (errors <= _ERROR_RATE * len(codes)) & (due >= np.maximum(_LEAST_DUE, 20 * errors))
    return [name for name, one in zip(names, suspect, strict=True) if one]


_ERROR_RATE = 0.005
# seeing no error where 10 are due has probability exp(-10)
_LEAST_DUE = 10.0
