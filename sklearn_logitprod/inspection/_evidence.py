"""What all splits say of each method and score: means, and what each sample adds to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# relative to the scores; what differs by less is the same, computed in another order
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Evidence:
    """Scores of methods, with what each sample adds.

    Attributes
    ----------
    methods : list of str
    values : ndarray of shape (n_repeats, n_methods, n_scores)
        NaN where a score is not defined.
    means : ndarray of shape (n_methods, n_scores)
        Over samples.
    moves : ndarray of shape (n_methods, n_scores, n_samples)
        What each sample adds to a mean beyond its share; they sum to 0. 0 for samples that were
        not tested.
    tested : ndarray of shape (n_samples,), bool
    floor : ndarray of shape (n_scores,)
        The least that counts as the size of a score.
    """

    methods: list
    values: np.ndarray
    means: np.ndarray
    moves: np.ndarray
    tested: np.ndarray
    floor: np.ndarray

    def less(self, own, other):
        """Means and moves of some methods less those of others, 0 where rounding tells them apart.

        Parameters
        ----------
        own, other : list of int
            Positions of methods, which are paired.

        Returns
        -------
        means : ndarray of shape (n_pairs, n_scores)
        moves : ndarray of shape (n_pairs, n_scores, n_samples)
        """
        moves = self.moves[own] - self.moves[other]
        means = self.means[own] - self.means[other]
        n_tested = self.tested.sum()
        size = n_tested * np.abs(self.moves).max(axis=(0, 2), initial=0.0, where=self._known())
        least = _ROUNDING * np.maximum(size, self.floor)
        means = np.where(np.abs(means) < least, 0.0, means)
        return means, np.where(np.abs(moves) * n_tested < least[:, None], 0.0, moves)

    def _known(self):
        return ~np.isnan(self.means)[..., None]


class Totals:
    """Sums over splits of what their scores say, taken as they come.

    A score of a repeat is the mean over its splits, each counted by its tested samples; a
    split on which a score is not defined (NaN) does not count.

    What a sample says of a score is its *pseudo-value* in a split: the score there, and the
    sample's contribution times the number of samples tested. Of a mean that is what the sample
    scores itself, and of an AUC DeLong's placement values, to first order what it would be if
    there were such samples alone. The mean over its tests stands for the sample, however often it
    was tested. Pseudo-values are not centred within a split: with a fifth of the samples in each,
    that would make intervals too short.

    Parameters
    ----------
    comparison : Comparison
    n_repeats : int
    """

    def __init__(self, comparison, n_repeats):
        self.comparison, self.n_repeats = comparison, n_repeats
        self.experts = self.methods = self.chosen = None

    def add(self, repeat, test, scored):
        """Take one split.

        Parameters
        ----------
        repeat : int
            Number of its repeat.
        test : ndarray of int
            Rows tested.
        scored : Scored
        """
        n_samples = len(self.comparison.strata)
        shape = scored.values.shape
        if self.methods is None:
            self.experts, self.methods = scored.experts, scored.methods
            self.chosen = dict.fromkeys(scored.experts, 0)
            self._values = np.zeros((self.n_repeats, *shape))
            self._counts = np.zeros((self.n_repeats, *shape))
            self._said = np.zeros((*shape, n_samples))
            self._times = np.zeros((*shape, n_samples), dtype=np.int32)
            self._tested = np.zeros(n_samples, dtype=bool)
            self._seconds = {name: [] for name in scored.seconds}
        self.chosen[scored.best] += 1
        known = ~np.isnan(scored.values)
        self._values[repeat] += np.where(known, scored.values, 0.0) * len(test)
        self._counts[repeat] += known * len(test)
        said = scored.values[..., None] + len(test) * scored.contributions
        self._said[:, :, test] += np.where(known[..., None], said, 0.0)
        self._times[:, :, test] += known[..., None]
        self._tested[test] = True
        for name, own in scored.seconds.items():
            self._seconds[name].append(own)

    def evidence(self):
        """What the splits say: :class:`Evidence`."""
        defined = self._counts > 0
        values = np.where(defined, self._values / np.maximum(self._counts, 1), np.nan)
        said = self._said / np.maximum(self._times, 1)
        seen = self._times > 0
        count = seen.sum(axis=2)
        means = np.where(count > 0, said.sum(axis=2) / np.maximum(count, 1), np.nan)
        share = np.where(seen, said - means[..., None], 0.0) / np.maximum(count, 1)[..., None]
        floor = np.array([0.0 if own.in_units else 1.0 for own in self.comparison.scores.values()])
        return Evidence(self.methods, values, means, share, self._tested, floor)

    def seconds(self):
        """Mean seconds of a fit of each method, NaN for those without one of their own."""
        return [np.mean(self._seconds.get(name, np.nan)) for name in self.methods]


def mean_evidence(parts):
    """The mean over several outcomes of the same samples, such as labels.

    Parameters
    ----------
    parts : list of Evidence
        Of the same methods and scores. Where a score is not defined in one, it does not count.

    Returns
    -------
    Evidence
    """
    means = np.array([part.means for part in parts])
    count = (~np.isnan(means)).sum(axis=0)
    some = np.maximum(count, 1)
    values = np.array([part.values for part in parts])
    defined = (~np.isnan(values)).sum(axis=0)
    return Evidence(
        parts[0].methods,
        np.where(defined > 0, np.nansum(values, axis=0) / np.maximum(defined, 1), np.nan),
        np.where(count > 0, np.nansum(means, axis=0) / some, np.nan),
        np.sum([part.moves for part in parts], axis=0) / some[..., None],
        np.any([part.tested for part in parts], axis=0),
        parts[0].floor,
    )
