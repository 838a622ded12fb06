"""A panel of labels: candidates of all labels fitted together, mixed label by label.

The candidates are constant weights under several priors, which labels share to different
degrees (:mod:`~sklearn_logitprod.training.panel`), and what has no parameters. They are
cross-validated over samples, in folds that are the same for all labels, and mixed as the automatic
path of a single label mixes its own, with shares that are the panel's: what one label alone would
tell of them is mostly chance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from sklearn_logitprod.fusion.likelihood import ClassLabels
from sklearn_logitprod.fusion.references import reference_heads
from sklearn_logitprod.training.data import FitData
from sklearn_logitprod.training.fit import guaranteed
from sklearn_logitprod.training.panel import PanelRows, PanelSpec, panel_scores, solve_panel
from sklearn_logitprod.training.panel_gaps import fit_binary_gaps
from sklearn_logitprod.training.path import Selection, mixing_shares
from sklearn_logitprod.training.threads import limit_threads
from sklearn_logitprod.training.trainer import FittedHead, Trainer

# nats a label that the last step may gain, per unit of tolerance; of folds only held-out losses
# are used
_LOOSE, _LOOSEST = 1e4, 1e5


@dataclass(frozen=True, eq=False)
class Panel:
    """Fit data of several labels on the same samples.

    Attributes
    ----------
    parts : list of FitData
        One a label, of the rows on which it was tested.
    where : list of ndarray of int
        Where these rows lie in the panel, sorted.
    weight : ndarray of shape (n_labels, n_samples)
        Sample weights; 0 where not tested.
    groups : ndarray of shape (n_samples,), int, or None
    """

    parts: list
    where: list
    weight: np.ndarray
    groups: np.ndarray | None = None

    @property
    def n_labels(self):
        """Number of labels."""
        return len(self.parts)

    @cached_property
    def rows(self):
        """What the objective of constant weights reads: :class:`PanelRows`."""
        return PanelRows.of(self.parts, self.where, self.weight.shape[1])

    def effects(self, weight):
        """Design effect of each label under sample weights (n_labels, n_samples)."""
        both = zip(self.parts, self.where, weight, strict=True)
        return np.array([data.design_effect(own[rows]) for data, rows, own in both])

    @cached_property
    def stacked(self):
        """Rows of all labels as fit data of one, one below the other.

        The rows of a sample, or of a group of samples, are dependent.
        """
        first = self.parts[0]
        log_proba = np.concatenate([data.read(slice(None)) for data in self.parts])
        labels = np.concatenate([data.likelihood.labels for data in self.parts])
        rows = np.concatenate(self.where)
        groups = rows if self.groups is None else self.groups[rows]
        return FitData(
            lambda rows: log_proba[rows].copy(),
            log_proba.shape,
            ClassLabels(labels),
            first.linear_pool,
            first.feature_set,
            np.unique(groups, return_inverse=True)[1],
        )

    def stack(self, values):
        """Values (n_labels, n_samples) of the rows of :attr:`stacked`."""
        both = zip(values, self.where, strict=True)
        return np.concatenate([own[rows] for own, rows in both])

    def unstack(self, values):
        """Values of the rows of :attr:`stacked` as (n_labels, n_samples), 0 where not tested."""
        out, start = np.zeros(self.weight.shape), 0
        for own, rows in zip(out, self.where, strict=True):
            own[rows] = values[start : start + len(rows)]
            start += len(rows)
        return out


def fit_panel(panel, spec, settings, folds=None, progress=None):
    """Fit the pools of all labels, each blended with the best reference of its label.

    Parameters
    ----------
    panel : Panel
    spec : HeadSpec
        What the user fixed. A gate is shared by all labels, beside which each has a sharpness
        and a class bias of its own.
    settings : Settings
    folds : list of ndarray of int, optional
        Held-out samples of each fold. If given, candidates are mixed, whatever the gate width
        of ``spec``.
    progress : callable, optional
        Called with a line of text before each batch of fits.

    Returns
    -------
    list of PoolFit
        One a label.
    """
    tell = progress or (lambda text: None)
    with limit_threads(panel.parts[0]):
        fit = _PanelFit(panel, spec, settings)
        if folds is None:
            gated = spec.gate_width is not None
            candidate = fit.gate if gated else fit.constant(_ALONE, spec.cross_class)
            tell(f"all labels: {candidate.name}")
            candidates, shares, selection = [candidate], np.ones(1), None
        else:
            candidates, shares, selection = fit.selected(folds, tell)
        kept = np.flatnonzero(shares)
        heads = [candidates[i].heads() for i in kept]
        course = candidates[int(np.argmax(shares))]
        pools = []
        for label, (data, rows) in enumerate(zip(panel.parts, panel.where, strict=True)):
            pool = data.pool([own[label] for own in heads], shares[kept])
            weight = panel.weight[label, rows]
            closest = None if folds is None else partial(fit.closest, label)
            told = FittedHead(None, *course.course())
            pools.append(
                guaranteed(
                    pool, data, weight, spec.calibrate, told, fit_binary_gaps, selection, closest
                )
            )
        return pools


# how firmly labels are held to their centre where nothing is cross-validated
_ALONE = 30.0
# by prior mass: how firmly labels are held together, and with which correction
_SHARED = ((3.0, None, 0.3), (300.0, None, 0.3), (30.0, 10.0, 0.2))
_BEST_MASS, _MEAN_MASS = 0.1, 0.2
# follows the fit data closely, for the guarantee
_FLEXIBLE = 3.0


@dataclass(frozen=True, eq=False)
class _Candidate:
    """A way to fit all labels.

    Attributes
    ----------
    name : str
    mass : float
        Prior mass, up to a common factor.
    held_out : callable
        From weights (n_labels, n_samples), 0 on the samples that a fold holds out, to log-odds
        of all samples (n_labels, n_samples) fitted under them.
    heads : callable
        Heads of all labels, fitted on all samples.
    course : callable
        Objective at each iteration of that fit, and whether it converged.
    """

    name: str
    mass: float
    held_out: Callable
    heads: Callable
    course: Callable


class _PanelFit:
    """Fits on one panel, those on all samples remembered.

    Parameters
    ----------
    panel : Panel
    spec : HeadSpec
    settings : Settings
    """

    def __init__(self, panel, spec, settings):
        self.panel, self.spec, self.settings = panel, spec, settings
        self._solved = {}
        self.effects = panel.effects(panel.weight)

    def _solve(self, spec, weight=None):
        """Constant weights on all samples, or under the weights of a fold."""
        panel, most = self.panel, self.settings.max_iter
        tol = self.settings.tol * panel.n_labels
        if spec not in self._solved:
            own = panel.weight / self.effects[:, None]
            self._solved[spec] = solve_panel(panel.rows, own, spec, _LOOSE * tol, most)
        whole = self._solved[spec]
        if weight is None:
            return whole
        own = weight / panel.effects(weight)[:, None]
        return solve_panel(panel.rows, own, spec, _LOOSEST * tol, most, whole)

    def constant(self, within, correction=None, mass=1.0):
        """Candidate of constant weights."""
        spec = PanelSpec(within, 1.0, correction, self.spec.temperature, self.spec.calibrate)
        rows = self.panel.rows

        def heads():
            solution = self._solve(spec)
            return [solution.head(label, rows) for label in range(rows.n_labels)]

        def course():
            solution = self._solve(spec)
            total = (self.panel.weight / self.effects[:, None]).sum()
            return [value / total for value in solution.curve], solution.converged

        def held_out(weight):
            return panel_scores(rows, self._solve(spec, weight))

        return _Candidate(spec.describe(), mass, held_out, heads, course)

    @property
    def gate(self):
        """Candidate of a gate that all labels share, with a sharpness and a bias of each."""
        panel, data = self.panel, self.panel.stacked
        weight = panel.stack(panel.weight)
        fitted = Trainer(data, weight[None], self.settings).fitted([self.spec])

        def heads():
            scores = data.scores([fitted.head])[0]
            rows = panel.rows.one_column(panel.unstack(scores[:, 1] - scores[:, 0]))
            if not self.spec.calibrate:
                return [fitted.head] * panel.n_labels
            own = panel.weight / self.effects[:, None]
            limit = _LOOSE * self.settings.tol * panel.n_labels
            most = self.settings.max_iter
            solution = solve_panel(rows, own, PanelSpec(_ALONE), limit, most)
            moves = [solution.head(label, rows) for label in range(panel.n_labels)]
            return [fitted.head.moved(one.log_sharpness, one.class_bias) for one in moves]

        def course():
            return fitted.curve, fitted.converged

        return _Candidate(self.spec.describe(), 1.0, None, heads, course)

    def _fixed(self):
        """Candidates without parameters: the best expert of each label, and the mean."""
        panel, rows = self.panel, self.panel.rows
        n_experts, linear = rows.n_experts, rows.n_columns > rows.n_experts
        if n_experts == 1:
            return []
        heads = reference_heads(n_experts, 2, linear)
        scores = np.stack([self._reference(head) for head in heads], axis=1)
        losses = np.logaddexp(0.0, scores) - rows.outcome[:, None] * scores

        def candidate(name, mass, positions):
            def chosen(weight):
                totals = np.einsum("lcn,ln->lc", losses[:, positions], weight)
                return np.asarray(positions)[totals.argmin(axis=1)]

            def held_out(weight):
                return scores[np.arange(panel.n_labels), chosen(weight)]

            def course():
                own = losses[np.arange(panel.n_labels), chosen(panel.weight)]
                return [float((own * panel.weight).sum() / panel.weight.sum())], True

            def picked():
                return [heads[position] for position in chosen(panel.weight)]

            return _Candidate(name, mass, held_out, picked, course)

        path = [candidate("best expert", _BEST_MASS, list(range(n_experts)))]
        if linear:
            path.append(candidate("mean of probabilities", _MEAN_MASS, [n_experts + 1]))
        return path

    def _reference(self, head):
        """Log-odds of a reference: (n_labels, n_samples)."""
        out = np.zeros(self.panel.weight.shape)
        for own, data, rows in zip(out, self.panel.parts, self.panel.where, strict=True):
            scores = data.scores([head])[0]
            own[rows] = scores[:, 1] - scores[:, 0]
        return out

    def selected(self, folds, tell):
        """Candidates, their shares, and the selection that tells of them."""
        panel, penalty = self.panel, self.spec.cross_class
        path = []
        for within, correction, mass in _SHARED:
            # a penalty that the user gives replaces the one tried otherwise
            own = correction if correction is None or penalty is None else penalty
            path.append(self.constant(within, own, mass))
        path += self._fixed()
        scores = np.zeros((len(path), *panel.weight.shape))
        inside = np.ones(panel.weight.shape[1], dtype=bool)
        tested = np.zeros_like(inside)
        for held in folds:
            tested[held] = True
        for i, one in enumerate(path):
            tell(f"candidates {i + 1}/{len(path)}, {len(folds)} folds, all labels: {one.name}")
            for held in folds:
                inside[:] = True
                inside[held] = False
                scores[i][:, held] = one.held_out(panel.weight * inside)[:, held]
        counted = (panel.weight > 0) & tested
        weight = panel.weight[counted]
        likelihood = ClassLabels(panel.rows.outcome[counted])
        full = np.zeros((len(path), len(weight), 2))
        full[:, :, 1] = scores[:, counted]
        losses = likelihood.loss(full) @ weight / weight.sum()
        # as many effective outcomes as the fit of all samples has
        held = (panel.weight / self.effects[:, None])[counted]
        held *= (panel.weight / self.effects[:, None]).sum() / held.sum()
        prior = np.array([one.mass for one in path])
        shares = mixing_shares(full, likelihood, held, prior / prior.sum())
        return path, shares, Selection([one.name for one in path], losses, shares)

    def closest(self, label):
        """Head of a label that follows the fit data closely."""
        spec = PanelSpec(None, 1.0, self.spec.cross_class or _FLEXIBLE, self.spec.temperature)
        spec = replace(spec, calibrate=self.spec.calibrate)
        return self._solve(spec).head(label, self.panel.rows)
