"""Experts by name: as parameters, seeded, checked to be fitted."""

from __future__ import annotations

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import _name_estimators
from sklearn.utils.validation import check_is_fitted

from sklearn_logitprod._text import brief, option, plain
from sklearn_logitprod.experts.columns import apart


def name_experts(experts):
    """Experts as (name, estimator) pairs.

    Parameters
    ----------
    experts : list of (str, estimator) or of estimators
        Bare estimators are named by their view, if they are experts on views, or by their
        class, in lower case, and numbered where that is not unique, as ``make_pipeline`` does.

    Returns
    -------
    list of (str, estimator)
    """
    if isinstance(experts, (str, dict)) or not hasattr(experts, "__iter__"):
        said = brief(experts) if isinstance(experts, dict) else plain(experts)
        raise ValueError(
            f"experts is {type(experts).__name__} {said}, but a list of (name, estimator) "
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
    pairs = pairs or _name_bare(bare)
    if not pairs:
        raise ValueError("experts is empty: give at least one expert, or None for precomputed X.")
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"experts has the name {name!r} {names.count(name)} times.")
        if "__" in name:
            raise ValueError(f"The expert's name {name!r} must not contain '__'.")
    return pairs


def _name_bare(experts):
    views = [getattr(expert, "view", None) for expert in experts]
    named = []
    for position, (name, expert) in enumerate(_name_estimators(experts)):
        view = views[position]
        if isinstance(view, str):
            same = views.count(view) > 1
            name = f"{view}-{views[: position + 1].count(view)}" if same else view
        named.append((name, expert))
    return named


def active_experts(experts, replies):
    """The named experts that are not ``"drop"``, each checked to give such replies."""
    pairs = [(name, expert) for name, expert in name_experts(experts) if expert != "drop"]
    if not pairs:
        raise ValueError("All experts are dropped; at least one is needed.")
    for name, expert in pairs:
        if isinstance(expert, type):
            raise ValueError(f"Expert {name!r} is a class; pass an instance, {expert.__name__}().")
        # a stack, a search or a pipeline may show what it can do only once it is fitted
        if not any(hasattr(expert, own) or hasattr(type(expert), own) for own in replies.methods):
            named_call(name, method_of, expert, replies.methods, replies.wanted)
    return pairs


class LacksMethod(ValueError):
    """An expert has no method by which it could be asked."""


def method_of(expert, methods, wanted):
    """The first of some methods that an expert has.

    Parameters
    ----------
    expert : estimator
        Fitted.
    methods : sequence of str
    wanted : str
        What experts are, for the error.

    Returns
    -------
    str

    Raises
    ------
    LacksMethod
        If it has none of them.
    """
    found = next((method for method in methods if hasattr(expert, method)), None)
    if found is None:
        raise LacksMethod(f"({type(expert).__name__}) has none of {', '.join(methods)}. {wanted}")
    return found


def misses_rows(expert):
    """Whether an expert says that it may lack samples, whose answers are NaN."""
    return getattr(expert, "misses_rows", False)


def for_task(pairs, task):
    """Named experts that leave their head to the task, with the default one of it."""
    return [
        (name, expert.for_task(task) if hasattr(expert, "for_task") else expert)
        for name, expert in pairs
    ]


def own_columns(pairs, X, cached=False):
    """What each named expert reads of X: all of it, or its own view.

    Parameters
    ----------
    pairs : list of (str, estimator)
    X : whatever the experts take
    cached : bool
        Whether a cache is to know a view again, whatever stands beside it in X.

    Returns
    -------
    dict of str to what an expert reads
    """
    read = {}
    for name, expert in pairs:
        own = named_call(name, expert.own_columns, X) if hasattr(expert, "own_columns") else X
        read[name] = apart(own) if cached and own is not X else own
    return read


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
    # each its own number, so that alike experts do not make the same errors
    random = np.random.RandomState(seed)
    out = []
    for name, expert in pairs:
        own = random.randint(np.iinfo(np.int32).max)
        copied = named_call(name, clone, expert)
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
            f"Expert {name!r} is not fitted, but {option('cv', 'prefit')} takes experts as they "
            f"are. Fit it first, on other data than these, or set {option('cv', 5)} to cross-fit "
            "all experts here."
        ) from error
    except TypeError:
        # not a scikit-learn estimator: it predicts or raises, we cannot know before
        return


def named_call(name, function, *args):
    """Call a function of an expert; what it raises names the expert."""
    try:
        return function(*args)
    except LacksMethod as error:
        raise ValueError(f"Expert {name!r} {error}") from error
    except Exception as error:
        raise alike(error, f"Expert {name!r} failed: {type(error).__name__}: {error}") from error


def alike(error, message):
    """A ValueError or TypeError, if that is what an error is, or a RuntimeError."""
    known = (own for own in (ValueError, TypeError) if isinstance(error, own))
    return next(known, RuntimeError)(message)
