"""Experts as parameters: named, replaced, cloned, routed, run."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import Bunch, _safe_indexing, indexable
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _raise_for_params,
    _routing_enabled,
    process_routing,
)
from sklearn.utils.metaestimators import _BaseComposition
from sklearn.utils.validation import has_fit_parameter

from sklearn_logitprod._progress import SILENT
from sklearn_logitprod._text import option, warn
from sklearn_logitprod.experts.calls import Caller
from sklearn_logitprod.experts.naming import (
    active_experts,
    check_prefit,
    for_task,
    method_of,
    name_experts,
    named_call,
    seeded,
)
from sklearn_logitprod.targets.folds import make_splits

if TYPE_CHECKING:
    from typing_extensions import Self


class ExpertsComposition(_BaseComposition):
    """What an estimator does with its parameter ``experts``."""

    # the parameter that says whether the experts are fitted already
    _experts_cv = "cv"

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters of the estimator and, if deep, its experts by name.

        Parameters
        ----------
        deep : bool, default=True
            Also give each expert by its name and, unless ``cv="prefit"``, the
            experts' own parameters as ``name__parameter``.

        Returns
        -------
        dict
        """
        params = super().get_params(deep=False)
        pairs = self._named_pairs() if deep else []
        params.update(pairs)
        if not self._prefit:
            for name, expert in pairs:
                if hasattr(expert, "get_params"):
                    own = expert.get_params(deep=True)
                    params.update({f"{name}__{key}": value for key, value in own.items()})
        return params

    def _named_pairs(self):
        """Named experts; none if there are none, or what stands there names none."""
        if self.experts is None:
            return []
        try:
            return name_experts(self.experts)
        except ValueError:
            # what is wrong with them is for fit to say: setting parameters never raises
            return []

    def set_params(self, **params: Any) -> Self:
        """Set parameters, replace experts by name, or set parameters of experts.

        Parameters
        ----------
        **params : dict
            Parameters of the estimator; ``name=estimator`` replaces an expert and
            ``name="drop"`` drops it; ``name__parameter=value`` sets a parameter of an
            expert that is cross-fitted here.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter of a prefit expert is named: setting it would change the
            user's own fitted object.
        """
        if not params:
            return self
        if "experts" in params:
            self.experts = params.pop("experts")
        if self._experts_cv in params:
            setattr(self, self._experts_cv, params.pop(self._experts_cv))
        pairs = self._named_pairs()
        if params and pairs:
            named = dict(pairs)
            nested = [key for key in params if key.partition("__")[0] in named and "__" in key]
            if nested and self._prefit:
                name = nested[0].partition("__")[0]
                raise ValueError(
                    f"{nested[0]} cannot be set: expert {name!r} is fitted "
                    f"({option(self._experts_cv, 'prefit')}), and a changed parameter would change "
                    "your own object without refitting it. Replace it whole, "
                    f"set_params({name}=...), or cross-fit with {option(self._experts_cv, 5)}."
                )
            replaced = {key: params.pop(key) for key in list(params) if key in named}
            if replaced:
                self.experts = [(name, replaced.get(name, expert)) for name, expert in pairs]
        super().set_params(**params)
        return self

    def __sklearn_clone__(self):
        """Clone; the experts of ``cv="prefit"`` stay fitted, carried over by reference."""
        if self.experts is None or not self._prefit:
            return super().__sklearn_clone__()
        shell = copy.copy(self)
        shell.experts = None
        cloned = super(ExpertsComposition, shell).__sklearn_clone__()
        cloned.experts = self.experts
        return cloned

    @property
    def _prefit(self):
        cv = getattr(self, self._experts_cv)
        return isinstance(cv, str) and cv == "prefit"

    def _caller(self, progress=SILENT):
        return Caller(self.memory, self.n_jobs, progress)

    def get_metadata_routing(self) -> Any:
        """Metadata routing: the estimator's own requests and its experts'.

        Returns
        -------
        sklearn.utils.metadata_routing.MetadataRouter
        """
        router = MetadataRouter(owner=self).add_self_request(self)
        if self.experts is None or self._prefit:
            return router
        mapping = MethodMapping().add(caller="fit", callee="fit")
        pairs = [pair for pair in name_experts(self.experts) if pair[1] != "drop"]
        return router.add(**dict(pairs), method_mapping=mapping)

    def _expert_fit_params(self, pairs, sample_weight, groups, params):
        """Keyword arguments of each expert's fit.

        With metadata routing enabled, what the experts request; otherwise
        ``sample_weight`` and ``groups`` for every expert whose ``fit`` takes them.

        Parameters
        ----------
        pairs : list of (str, estimator)
        sample_weight, groups : array-like or None
        params : dict
            Further metadata.

        Returns
        -------
        dict of str to dict
        """
        given = {"sample_weight": sample_weight, "groups": groups}
        given = {key: value for key, value in given.items() if value is not None}
        if not _routing_enabled():
            _raise_for_params(params, self, "fit")
            return {
                name: {key: value for key, value in given.items() if has_fit_parameter(expert, key)}
                for name, expert in pairs
            }
        params |= given
        if not params:
            return {name: {} for name, _ in pairs}
        routed = process_routing(self, "fit", **params)
        return {name: dict(routed[name].fit) for name, _ in pairs}

    def _run_experts(self, X, target, weight, groups, params, seed, progress):
        """Fitted experts by name, and their outputs on samples new to them."""
        replies = self._replies(target.attributes)
        pairs = for_task(active_experts(self.experts, replies), self.task_name)
        caller = self._caller(progress)
        (X,) = indexable(X)
        if self._prefit:
            for name, expert in pairs:
                check_prefit(name, expert)
                named_call(name, method_of, expert, replies.methods, replies.wanted)
            outputs = caller.outputs(pairs, X, replies)
            suspects = replies.suspected(outputs, target)
            if suspects:
                warn(
                    f"Expert(s) {', '.join(suspects)} make next to no error on the fit data, far "
                    "fewer than the other experts or their own probabilities let expect. "
                    "Were they trained on these samples? Then their weights are too large: fit on "
                    f"new samples, or set {option('cv', 5)} to cross-fit the experts."
                )
            return pairs, outputs
        pairs = seeded(pairs, seed)
        strata, told = replies.strata(target), np.flatnonzero(target.counts)
        splits = make_splits(self.cv, strata, groups, seed, replies.shuffle, told)
        taught = target.taught
        if taught is None:
            fit_params = self._expert_fit_params(pairs, weight, groups, params)
            outputs, fitted = caller.cross_fit(pairs, X, target.y, replies, splits, fit_params)
            return fitted, outputs
        if taught.note:
            warn(taught.note, about="open classes")
        own, weight = taught.weight, None if weight is None else weight[taught.rows]
        if own is not None:
            weight = own if weight is None else own * weight
        groups = None if groups is None else groups[taught.rows]
        params = {
            key: value if value is None else _safe_indexing(value, taught.rows)
            for key, value in params.items()
        }
        fit_params = self._expert_fit_params(pairs, weight, groups, params)
        lacking = [name for name, _ in pairs if "sample_weight" not in fit_params[name]]
        if own is not None and lacking:
            raise ValueError(
                f"Expert(s) {', '.join(lacking)} do not take sample_weight in fit, by which they "
                f"would learn from the distributions of y ({option('labels', 'proba')}). Use "
                f"other experts, fit them elsewhere and pass {option('cv', 'prefit')}, or, with "
                "metadata routing, let them request sample_weight."
            )
        outputs, fitted = caller.cross_fit(
            pairs, X, taught.y, replies, splits, fit_params, taught.rows
        )
        return fitted, outputs


def fitted_experts(pairs):
    """Fitted attributes of (name, estimator) pairs; of None, for precomputed outputs, None."""
    if pairs is None:
        return {"experts_": None, "named_experts_": None}
    return {"experts_": [expert for _, expert in pairs], "named_experts_": Bunch(**dict(pairs))}
