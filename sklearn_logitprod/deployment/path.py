"""Which few experts suffice."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_logitprod._progress import Progress
from sklearn_logitprod._text import brief, option, warn
from sklearn_logitprod._typing import CrossValidation
from sklearn_logitprod.deployment.fitted import checked_model, labelled
from sklearn_logitprod.deployment.greedy import (
    Library,
    Search,
    along_samples,
    held_out_loss,
)
from sklearn_logitprod.deployment.path_result import ExpertPath, Found, path_result
from sklearn_logitprod.estimators.base import BaseLogitProd, given_to, target_of
from sklearn_logitprod.estimators.prepared import all_log_proba
from sklearn_logitprod.targets.folds import fold_rows, search_splits
from sklearn_logitprod.training.path import selection_rows
from sklearn_logitprod.training.threads import limit_threads


def expert_path(
    model: BaseLogitProd,
    X: Any,
    y: ArrayLike | None = None,
    *,
    costs: Mapping[str, float] | ArrayLike | None = None,
    cv: CrossValidation = 5,
    max_experts: int | None = None,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    random_state: int = 0,
    verbose: int = 0,
) -> ExpertPath:
    """Find out which few experts suffice.

    One expert after the other joins: the one whose pool of constant weights with those before
    it, that of ``gate_width=None`` with the model's `linear_pool` and `calibrate`, has the
    smallest penalised loss. The path is found anew on the fit rows of each split, and the pool
    of each size is scored on the rows held out, so that the log-loss of a size is that of
    choosing so many experts, the choice included. The names in the table are those of the path
    on all rows.

    Parameters
    ----------
    model : LogitProdClassifier or LogitProdSurvival
        Fitted; left as it is. It says what experts, classes and outputs are; its gate plays no
        role.
    X : array or DataFrame
        Samples with known outcomes that the experts were not trained on, as for ``predict``.
        Experts that are missing on all of them are left out, with a warning. Where all experts
        of a set are missing on a row, the base rates of the fit rows predict it.
    y : array-like of shape (n_samples,), default=None
        Their outcomes, as for ``fit``; of at least two classes, each on the fit rows of all
        splits. None takes y and groups from :class:`~sklearn_logitprod.io.ExpertOutputs`.
    costs : dict of str to float, or array-like of shape (n_experts,), default=None
        What asking each expert costs, in any unit, not negative; an array in the order of
        ``expert_names_``. The expert then joins that gains most per cost. A gain is the fall
        in penalised loss, summed over the rows, less the nat that an expert that says nothing
        gains and loses again elsewhere; free experts that gain come first, and where none
        gains, the one with the smallest loss joins.
    cv : int, splitter or iterable of splits, default=5
        A number makes so many shuffled folds, stratified and by group. Rows that several
        splits hold out count with their mean.
    max_experts : int, default=None
        Where the path ends; None for all experts. Time grows with its square.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative; in fits and in means.
    groups : array-like of shape (n_samples,), default=None
        Groups of dependent samples, such as slides of a patient: never divided, and what
        standard errors are made of.
    random_state : int, default=0
        Of the folds; of more than 20000 rows, also of those on which experts are chosen. Pools
        are fitted and scored on all.
    verbose : int, default=0
        1 shows progress on standard error.

    Returns
    -------
    ExpertPath
        ``table`` is a frame with a row per number of experts, ``n_sufficient`` the smallest
        number within one standard error of all, ``sufficient`` their names.

    Raises
    ------
    TypeError
        If the model is none of ours.
    ValueError
        If X and y do not fit the model or each other, splits leave a class or all events out
        of their fit rows, or costs are not one for each expert.

    See Also
    --------
    ExpertPathDisplay : The table as a plot.
    add_expert : The other direction.

    Notes
    -----
    One standard error says what these rows cannot tell apart: with few rows that is much, and
    one expert may suffice for no better reason. Alike experts stand in for each other, and the
    order among them is chance; ``in_folds`` shows it. Risks of survival experts are read by the
    calibration of the model's fit, which should have been on other rows.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_logitprod import LogitProdClassifier
    >>> from sklearn_logitprod.deployment import expert_path
    >>> random = np.random.default_rng(0)
    >>> y = np.arange(400) % 2
    >>> logits = (2.0 * y - 1.0)[:, None] * [1.0, 0.0, 1.2, 0.0] + random.normal(size=(400, 4))
    >>> model = LogitProdClassifier(gate_width=None).fit(logits, y)
    >>> path = expert_path(model, logits, y)
    >>> path.sufficient
    ['expert2', 'expert0']
    """
    checked_model(
        model,
        "expert_path",
        "its steps are of probabilities. Compare fits with fewer experts by their cross-validated "
        "score instead.",
    )
    seed = _whole_number("random_state", random_state, 0)
    X, y, sample_weight, groups = given_to(model, X, y, sample_weight, groups)
    rows = labelled(model, "expert_path", X, y, sample_weight, groups)
    names = list(model.expert_names_)
    prices = None if costs is None else checked_costs(costs, names)
    kept = np.flatnonzero(rows.weight)
    log_proba = all_log_proba(rows.outputs)
    there = np.flatnonzero(~np.isnan(log_proba[kept, :, 0]).all(axis=0))
    if len(there) < len(names):
        absent = [name for m, name in enumerate(names) if m not in there]
        warn(
            f"Expert(s) {', '.join(absent)} are missing (NaN) on every row of X: nothing can be "
            "said of them, and they are left out. Pass rows that hold them."
        )
    strata = target_of(model, X, y).strata
    splits = _splits(model, cv, strata, rows.groups, kept, seed)
    codes = None
    if rows.groups is not None:
        codes = np.unique(rows.groups[kept], return_inverse=True)[1]
    library = Library(
        along_samples(log_proba[np.ix_(kept, there)]),
        rows.likelihood.take(kept),
        rows.weight[kept],
        codes,
        model.linear_pool,
        model.calibrate,
    )
    n_steps = len(there)
    if max_experts is not None:
        n_steps = min(n_steps, _whole_number("max_experts", max_experts, 1))
    prices = None if prices is None else prices[there]
    progress = Progress(sys.stderr) if verbose else None
    try:
        found = _scored(library, splits, n_steps, prices, seed, progress)
    finally:
        if progress:
            progress.clear()
    return path_result(library, found, [names[m] for m in there], prices, len(splits))


def checked_costs(costs, names):
    """Costs in the order of the experts.

    Parameters
    ----------
    costs : mapping of str to float, or array-like of shape (n_experts,)
    names : list of str

    Returns
    -------
    ndarray of shape (n_experts,), float64
    """
    if hasattr(costs, "keys"):
        given = dict(costs.items())
        unknown = [name for name in given if name not in names]
        if unknown:
            raise ValueError(
                f"costs name {brief(unknown)}, which the model does not know; its experts are "
                f"{brief(names, 40)}."
            )
        absent = [name for name in names if name not in given]
        if absent:
            raise ValueError(
                f"costs lack {brief(absent, 40)}: give a cost for every expert, 0 for one that "
                "costs nothing."
            )
        costs = [given[name] for name in names]
    try:
        values = np.asarray(costs, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"costs hold values that are no numbers ({error}): pass a dict of the experts' names "
            "to numbers."
        ) from error
    if values.shape != (len(names),):
        raise ValueError(
            f"costs have shape {values.shape}, but there are {len(names)} experts: pass one number "
            f"each, in the order {brief(names, 40)}, or a dict by name."
        )
    bad = ~(np.isfinite(values) & (values >= 0.0))
    if bad.any():
        m = int(np.argmax(bad))
        raise ValueError(
            f"The cost of {names[m]!r} is {values[m]:g}; costs are finite and not negative. Use 0 "
            "for an expert that costs nothing."
        )
    return values


def _whole_number(name, value, least):
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{option(name, value)}: it is a whole number, {least} or more.")
    return int(value)


def _splits(model, cv, strata, groups, kept, seed):
    """Positions among the kept rows to fit on and to hold out, for each split."""
    cv = 5 if cv is None else cv
    what = "rows" if groups is None else "groups"
    n_units = len(kept) if groups is None else len(np.unique(groups[kept]))
    if n_units < 2:
        raise ValueError(
            f"expert_path holds out {what}, and there is only {n_units}: pass more of them"
            + ("." if groups is None else ", or leave groups out.")
        )
    if isinstance(cv, Integral):
        if isinstance(cv, bool) or cv < 2:
            raise ValueError(f"{option('cv', cv)} makes no folds: 2 at least are needed, better 5.")
        held_out = fold_rows(cv, strata, groups, kept, seed)
        every = np.arange(len(kept))
        splits = [(np.setdiff1d(every, test), np.sort(test)) for test in held_out]
    else:
        position = np.full(len(strata), -1)
        position[kept] = np.arange(len(kept))
        splits = []
        for train, test in search_splits(cv, strata, groups, seed):
            train, test = np.unique(position[train]), np.unique(position[test])
            train, test = train[train >= 0], test[test >= 0]
            if len(test):
                splits.append((train, test))
        tested = np.unique(np.concatenate([np.empty(0, int), *(test for _, test in splits)]))
        n_units = len(tested if groups is None else np.unique(groups[kept][tested]))
        if n_units < 2:
            raise ValueError(
                f"cv holds out {n_units} {what} that count; a standard error needs two at least. "
                f"Pass {option('cv', 5)}."
            )
    _check_splits(model, splits, strata[kept], None if groups is None else groups[kept])
    return splits


def _check_splits(model, splits, strata, groups):
    """Raise if the fit rows of a split hold those it is scored on, or too little else."""
    # of events what is needed is one: censored rows may all be held out
    wanted = [1] if model.task_name == "events" else np.unique(strata)
    for number, (train, test) in enumerate(splits, start=1):
        if np.isin(test, train).any():
            raise ValueError(
                f"Split {number} of cv holds out rows that it fits on, too: what is found there "
                "says nothing about new ones. Keep the two apart."
            )
        if groups is not None and np.isin(groups[test], groups[train]).any():
            warn(
                "A split of cv divides a group: rows held out depend on those of the fit, and few "
                f"experts look better than they are. Pass a number, such as {option('cv', 5)}, or "
                "a splitter like GroupKFold.",
                about="cv divides groups",
            )
        absent = np.setdiff1d(wanted, strata[train])
        if not len(absent):
            continue
        what, count = "event", int((strata == absent[0]).sum())
        if model.task_name != "events":
            what = f"sample of one class, which has {count} in all,"
        raise ValueError(
            f"Split {number} of cv leaves no {what} to fit on: what is held out cannot be judged. "
            "Pass fewer or stratified folds, more rows, or leave the rows of this class out."
        )


def _scored(library, splits, n_steps, costs, seed, progress):
    everything = np.arange(library.n_experts)
    data = library.data(everything, np.arange(library.n_samples))
    weights = np.zeros((1 + len(splits), library.n_samples))
    weights[0] = library.weight
    for own, (train, _) in zip(weights[1:], splits, strict=True):
        own[train] = library.weight[train]
    with limit_threads(data):
        chosen = selection_rows(data, seed)
        part, own = library, weights
        if chosen is not None:
            part, own = library.take(chosen), weights[:, chosen]
        del data
        tell = (lambda text: progress(f"expert_path: {text}")) if progress else None
        search = Search(part, own, costs)
        paths = search.paths(n_steps, tell)
        total = np.zeros((n_steps + 2, library.n_samples))
        count = np.zeros(library.n_samples)
        for number, (train, test) in enumerate(splits, start=1):
            if tell:
                tell(f"split {number} of {len(splits)}: rows held out")
            path, base = paths[number], search.base_scores[number]
            sets = [np.sort(path.order[: size + 1]) for size in range(n_steps)]
            starts = list(path.theta)
            if n_steps < library.n_experts:
                sets.append(everything)
                starts.append(None)
            losses = [
                held_out_loss(library, experts, start, train, test, base)
                for experts, start in zip(sets, starts, strict=True)
            ]
            flat = np.tile(base, (len(test), 1))
            losses += [losses[-1]] * (n_steps == library.n_experts)
            losses.append(library.likelihood.take(test).loss(flat))
            total[:, test] += losses
            count[test] += 1.0
    order = paths[0].order
    in_folds = [
        sum(order[size] in path.order[: size + 1] for path in paths[1:]) for size in range(n_steps)
    ]
    rows = np.flatnonzero(count)
    return Found(order, in_folds, rows, total[:, rows] / count[rows])
