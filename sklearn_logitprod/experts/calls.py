"""From estimators to one aligned array: responses, class order, cross-fitting, caching."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import clone
from sklearn.utils import _safe_indexing
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _num_samples, check_memory

from sklearn_logitprod._progress import SILENT, FitProgress
from sklearn_logitprod.experts.naming import named_call, own_columns


@dataclass(frozen=True)
class Caller:
    """How experts are run: in parallel, through a cache.

    Attributes
    ----------
    memory : None, str or joblib.Memory
    n_jobs : int or None
    progress : FitProgress
        Told of each call, which are the steps of a stage.
    """

    memory: object = None
    n_jobs: int | None = None
    progress: FitProgress = SILENT

    def _run(self, jobs):
        """Results of (text, arguments of :func:`named_call`) pairs, in order, with progress."""
        workers = effective_n_jobs(self.n_jobs)
        if workers > 1:
            with self.progress.stage("experts", 1):
                # not every backend hands over results one by one
                self.progress(f"{len(jobs)} calls of experts on {workers} workers")
                return Parallel(n_jobs=self.n_jobs)(delayed(named_call)(*job) for _, job in jobs)
        out = []
        with self.progress.stage("experts", len(jobs)):
            for text, job in jobs:
                self.progress(f"{text} ({len(out) + 1}/{len(jobs)})")
                out.append(named_call(*job))
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
        call, read = (
            check_memory(self.memory).cache(replies.ask),
            own_columns(pairs, X, self.memory is not None),
        )
        results = self._run(
            [
                (f"expert {name}", (name, call, expert, read[name], *replies.args(name)))
                for name, expert in pairs
            ]
        )
        n_samples = _num_samples(X)
        return replies.collect(pairs, [[one] for one in results], [slice(None)], n_samples)

    def cross_fit(self, pairs, X, y, replies, splits, fit_params, rows=None):
        """Out-of-fold outputs, and the experts refitted on taught.

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
        rows : ndarray of shape (n_taught,), int, optional
            Rows of X that y and keyword arguments are of, if not all in their order.

        Returns
        -------
        outputs : Outputs or EventOutputs
        fitted : list of (str, estimator)
        """
        fit = check_memory(self.memory).cache(_fit)
        out = check_memory(self.memory).cache(_fit_ask)
        # of each fold: positions in y, the rows of X that they are of, and those held out
        folds = [(train, train, test) for train, test in splits]
        # workers elsewhere get what they need alone
        read = taught = own_columns(pairs, X, self.memory is not None)
        if rows is not None:
            inside = [np.flatnonzero(np.isin(rows, train)) for train, _ in splits]
            folds = [(own, rows[own], test) for own, (_, test) in zip(inside, splits, strict=True)]
            taught = {name: _safe_indexing(own, rows) for name, own in read.items()}
        jobs = [
            (
                f"expert {name}, fold {number}/{len(splits)}",
                (name, out, clone(expert), read[name], y, *fold, fit_params[name], *asked),
            )
            for name, expert in pairs
            for asked in [(replies.ask, replies.args(name))]
            for number, fold in enumerate(folds, start=1)
        ]
        # one queue: the refits fill workers that the last folds leave idle
        jobs += [
            (
                f"expert {name}, all rows",
                (name, fit, clone(expert), taught[name], y, fit_params[name]),
            )
            for name, expert in pairs
        ]
        done = iter(self._run(jobs))
        results = [[next(done) for _ in splits] for _ in pairs]
        fitted = [(name, next(done)) for name, _ in pairs]
        held_out = [test for _, test in splits]
        return replies.collect(pairs, results, held_out, _num_samples(X)), fitted


def _fit(expert, X, y, fit_params):
    return expert.fit(X, y, **fit_params)


def _fit_ask(expert, X, y, own, train, test, fit_params, ask, args):
    params = {
        key: value if value is None else _safe_indexing(value, own)
        for key, value in fit_params.items()
    }
    expert.fit(_safe_indexing(X, train), _safe_indexing(y, own), **params)
    return ask(expert, _safe_indexing(X, test), *args)
