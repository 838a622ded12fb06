"""Greedy paths through experts, and how their pools fare on rows held out.

At every step the expert joins whose constant pool with those before it has the smallest
penalised loss on the rows of a part, ``sum_i v_i loss_i / deff + prior``. Rows on which all
experts of a set are missing do not fit its pool; there the base rates of the part speak in its
place, so that an expert is not chosen for being seldom asked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sklearn_logitprod.fusion.likelihood import Likelihood
from sklearn_logitprod.fusion.logits import log_softmax
from sklearn_logitprod.training.constant import ConstantObjective, newton
from sklearn_logitprod.training.data import FitData
from sklearn_logitprod.training.gaps import fit_gaps
from sklearn_logitprod.training.guarantee import blend_to_guarantee, lacks_experts, with_gaps
from sklearn_logitprod.training.prior import HeadSpec
from sklearn_logitprod.training.problems import Problems

# nats in total: a Newton step that gains less lands where candidates are told apart, or where
# nothing is left to gain
_SEARCHED, _SETTLED = 0.1, 1e-7
_MAX_ITER = 100
# what an expert that says nothing gains by chance and loses again on new rows
_CHANCE = 1.0


@dataclass(frozen=True, eq=False)
class Library:
    """Outputs of experts on labelled rows, and the kind of pool that is made of them.

    Attributes
    ----------
    log_proba : ndarray of shape (n_samples, n_experts, n_classes)
        NaN where an expert is missing; no row lacks all of them.
    likelihood : Likelihood
    weight : ndarray of shape (n_samples,)
        Positive sample weights.
    groups : ndarray of shape (n_samples,), int, or None
    linear_pool, calibrate : bool
        As the parameters of the estimators.
    """

    log_proba: np.ndarray
    likelihood: Likelihood
    weight: np.ndarray
    groups: np.ndarray | None = None
    linear_pool: bool = True
    calibrate: bool = True

    @property
    def n_samples(self):
        """Number of rows."""
        return len(self.weight)

    @property
    def n_experts(self):
        """Number of experts."""
        return self.log_proba.shape[1]

    @property
    def present(self):
        """Where experts are present: (n_samples, n_experts), bool."""
        return ~np.isnan(self.log_proba[:, :, 0])

    @property
    def spec(self):
        """What is fitted: constant weights, under the priors of the estimators."""
        return HeadSpec(gate_width=None, calibrate=self.calibrate)

    def take(self, rows):
        """The same with some of the rows, given as sorted indices."""
        groups = None if self.groups is None else self.groups[rows]
        return replace(
            self,
            log_proba=along_samples(self.log_proba[rows]),
            likelihood=self.likelihood.take(rows),
            weight=self.weight[rows],
            groups=None if groups is None else np.unique(groups, return_inverse=True)[1],
        )

    def data(self, experts, rows):
        """Fit data of some experts on some rows, each of which has one of them."""
        own = self.log_proba[:, experts]
        if len(rows) < self.n_samples:
            own = along_samples(own[rows])
        groups = None
        if self.groups is not None:
            groups = np.unique(self.groups[rows], return_inverse=True)[1]
        shape = (len(rows), len(experts), self.log_proba.shape[2])
        likelihood = self.likelihood.take(rows)
        return FitData(
            lambda part: own[part], shape, likelihood, self.linear_pool, "default", groups
        )


def along_samples(log_proba):
    """The same (n_samples, n_experts, n_classes), with memory that runs along the samples."""
    return np.ascontiguousarray(log_proba.transpose(1, 2, 0)).transpose(2, 0, 1)


@dataclass(frozen=True)
class Greedy:
    """What one path found.

    Attributes
    ----------
    order : list of int
        Experts in the order in which they join.
    theta : list of ndarray
        Parameters of the pool of each size, its experts in ascending order; a start for fits.
    """

    order: list
    theta: list


class Search:
    """Greedy paths under several sets of sample weights, side by side.

    Parameters
    ----------
    library : Library
    weights : ndarray of shape (n_parts, n_samples)
        Sample weights of each part; 0 on the rows it holds out. Others start from what the
        first part, which has all rows, has found.
    costs : ndarray of shape (n_experts,), optional
        Then the expert joins that gains most per cost.
    """

    def __init__(self, library, weights, costs=None):
        self.library, self.costs = library, costs
        everything = library.data(np.arange(library.n_experts), np.arange(library.n_samples))
        # one design effect for all sets of experts: what they are compared by is one scale
        effects = [everything.design_effect(own) for own in weights]
        self.weights = weights / np.array(effects)[:, None]
        self.base_scores = base_scores(library, self.weights)
        every = (library.n_samples, library.log_proba.shape[2])
        losses = np.stack(
            [library.likelihood.loss(np.broadcast_to(own, every)) for own in self.base_scores]
        )
        self.base_losses = self.weights * losses
        self.present = library.present

    def paths(self, n_steps, tell=None):
        """The path of each part.

        Parameters
        ----------
        n_steps : int
            Experts on a path.
        tell : callable, optional
            Called with a line of text before each step.

        Returns
        -------
        list of Greedy
        """
        n_parts, n_experts = len(self.weights), self.library.n_experts
        out = [Greedy([], []) for _ in range(n_parts)]
        values = self.base_losses.sum(axis=1)
        # gate bias of each candidate when it was last looked at: a start for the next time
        bias = np.zeros((n_parts, n_experts))
        for step in range(n_steps):
            if tell is not None:
                tell(f"expert {step + 1} of {n_steps}: {n_experts - step} candidates")
            alike = {}
            for part, path in enumerate(out):
                alike.setdefault(tuple(sorted(path.order)), []).append(part)
            known = {}
            # the first part comes first: candidates of others may be found there
            for experts, parts in alike.items():
                starts = [out[part].theta[-1] if step else None for part in parts]
                found = {}
                for new in np.setdiff1d(np.arange(n_experts), experts):
                    own = np.array(sorted((*experts, new)))
                    place = int(np.searchsorted(own, new))
                    origin = [
                        self._extended(start, place, value)
                        for start, value in zip(starts, bias[parts, new], strict=True)
                    ]
                    found[new] = self._fitted(own, parts, origin, known)
                    bias[parts, new] = found[new][1][:, place]
                for i, part in enumerate(parts):
                    gains = {new: values[part] - value[i] for new, (value, _) in found.items()}
                    new = joining(gains, self.costs)
                    values[part] = found[new][0][i]
                    out[part].order.append(int(new))
                    out[part].theta.append(found[new][1][i])
        return out

    def _fitted(self, experts, parts, origin, known):
        """Penalised losses of a set under some parts, and the parameters."""
        rows = np.flatnonzero(self.present[:, experts].any(axis=1))
        values = self.base_losses[parts].sum(axis=1)
        values -= self.base_losses[np.ix_(parts, rows)].sum(axis=1)
        data = self.library.data(experts, rows)
        theta = np.array(origin)
        key = tuple(experts)
        # a fold differs little from the whole: one step from its solution is enough
        first = [i for i, part in enumerate(parts) if part == 0]
        others = [i for i, part in enumerate(parts) if part != 0]
        for which in (first, others):
            if not which:
                continue
            own = np.array(parts)[which]
            problems = Problems(data, self.weights[np.ix_(own, rows)], [self.library.spec])
            objective = ConstantObjective(problems)
            start = theta[which] if key not in known else np.tile(known[key], (len(own), 1))
            limit = np.full(len(own), _SEARCHED)
            theta[which] = newton(objective, start, limit, _MAX_ITER)[0].theta
            values[which] += objective(theta[which], np.arange(len(own)))[0]
            if which is first:
                known[key] = theta[which[0]]
        return values, theta

    def _extended(self, theta, place, bias):
        """Parameters of a pool with one more expert, to start from."""
        if theta is not None:
            return np.insert(theta, place, bias)
        n_others = 1 + self.library.log_proba.shape[2] if self.library.calibrate else 0
        return np.zeros(1 + self.library.linear_pool + n_others)


def joining(gains, costs=None):
    """The expert to join, from the fall in penalised loss that each brings.

    Parameters
    ----------
    gains : dict of int to float
        In nats, summed over the rows.
    costs : ndarray of shape (n_experts,), optional

    Returns
    -------
    int
    """
    if costs is None:
        return max(gains, key=gains.get)
    # free or cheap experts must not win by what is chance
    beyond = {new: gain - _CHANCE for new, gain in gains.items()}
    useful = [new for new, gain in beyond.items() if gain > 0.0]
    if not useful:
        return max(gains, key=gains.get)
    free = [new for new in useful if costs[new] == 0.0]
    if free:
        return max(free, key=beyond.get)
    return max(useful, key=lambda new: beyond[new] / costs[new])


def base_scores(library, weights):
    """Scores of the base rates under several sets of weights.

    Parameters
    ----------
    library : Library
    weights : ndarray of shape (n_parts, n_samples)

    Returns
    -------
    ndarray of shape (n_parts, n_classes)
    """
    n_classes = library.log_proba.shape[2]
    # a pool of one expert that says nothing: all that is fitted is its class bias
    uniform = np.full((1, 1, n_classes), -np.log(n_classes))
    data = FitData(
        lambda rows: np.broadcast_to(uniform, (library.n_samples, 1, n_classes))[rows].copy(),
        (library.n_samples, 1, n_classes),
        library.likelihood,
        False,
        "default",
    )
    problems = Problems(data, weights, [HeadSpec()])
    objective = ConstantObjective(problems)
    origin = np.tile(problems.layout.centre, (len(weights), 1))
    theta = newton(objective, origin, np.full(len(weights), _SETTLED), _MAX_ITER)[0].theta
    return log_softmax(problems.layout.split(theta)["class_bias"])


def held_out_loss(library, experts, theta, inside, outside, base):
    """Losses of the constant pool of some experts on rows that it was not fitted on.

    Parameters
    ----------
    library : Library
    experts : ndarray of int
        In ascending order.
    theta : ndarray or None
        Parameters to start from; None for the centre of the priors.
    inside, outside : ndarray of int
        Rows to fit on, and rows to score.
    base : ndarray of shape (n_classes,)
        Scores of the base rates, for rows on which none of the experts is known.

    Returns
    -------
    ndarray of shape (n_outside,)
    """
    present = library.present[:, experts]
    rows = inside[present[inside].any(axis=1)]
    scores = np.tile(base, (len(outside), 1))
    if len(rows):
        pool = _fitted_pool(library, experts, theta, rows, outside)
        scored = (present[outside] & pool.active).any(axis=1)
        columns = pool.columns(library.log_proba[np.ix_(outside[scored], experts)])
        scores[scored] = pool.scores(columns)
    return library.likelihood.take(outside).loss(scores)


def _fitted_pool(library, experts, theta, rows, outside):
    """The pool that an estimator with ``gate_width=None`` fits."""
    data, weight = library.data(experts, rows), library.weight[rows]
    problems = Problems(data, weight[None] / data.design_effect(weight), [library.spec])
    start = problems.layout.centre if theta is None else theta
    solution, _ = newton(ConstantObjective(problems), start[None], np.array([_SETTLED]), _MAX_ITER)
    pool = data.pool([problems.head(0, solution.theta[0])], np.ones(1))
    pool, _, references = blend_to_guarantee(pool, data, weight)
    lacking = not library.present[np.ix_(outside, experts[pool.active])].all()
    if library.calibrate and (lacking or lacks_experts(pool, data)):
        gaps = fit_gaps(pool, data, weight)
        pool, _ = with_gaps(pool, gaps, data, weight, float(references.min()))
    return pool


def weighted_mean(values, weight, groups=None):
    """Weighted means over rows, and their standard errors, by group.

    Parameters
    ----------
    values : ndarray of shape (..., n_samples)
    weight : ndarray of shape (n_samples,)
    groups : ndarray of shape (n_samples,), int, or None

    Returns
    -------
    mean, standard_error : ndarray of shape (...)
        NaN errors for fewer than two groups.
    """
    total = weight.sum()
    mean = values @ weight / total
    parts = (values - mean[..., None]) * (weight / total)
    if groups is not None:
        _, codes = np.unique(groups, return_inverse=True)
        summed = np.zeros((*parts.shape[:-1], codes.max() + 1))
        np.add.at(np.moveaxis(summed, -1, 0), codes, np.moveaxis(parts, -1, 0))
        parts = summed
    n_groups = parts.shape[-1]
    if n_groups < 2:
        return mean, np.full(mean.shape, np.nan)
    return mean, np.sqrt(n_groups / (n_groups - 1.0) * (parts**2).sum(axis=-1))
