"""Metadata of fit: what the gate takes, what goes on to the experts."""

from __future__ import annotations

from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _raise_for_params,
    _routing_enabled,
    process_routing,
)
from sklearn.utils.validation import has_fit_parameter

from sklearn_logitprod._experts import active_experts


class RoutingMixin:
    """Route ``sample_weight``, ``groups`` and metadata of the experts."""

    def get_metadata_routing(self):
        """Metadata routing: the estimator's own requests and its experts'.

        Returns
        -------
        sklearn.utils.metadata_routing.MetadataRouter
        """
        router = MetadataRouter(owner=self).add_self_request(self)
        if self.experts is None or self._prefit:
            return router
        mapping = MethodMapping().add(caller="fit", callee="fit")
        return router.add(**dict(active_experts(self.experts)), method_mapping=mapping)

    def _expert_fit_params(self, pairs, sample_weight, groups, params):
        """Keyword arguments of each expert's fit.

        With metadata routing enabled, what the experts request; otherwise
        ``sample_weight`` for every expert whose ``fit`` takes it.

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
        if not _routing_enabled():
            _raise_for_params(params, self, "fit")
            if sample_weight is None:
                return {name: {} for name, _ in pairs}
            return {
                name: {"sample_weight": sample_weight}
                if has_fit_parameter(expert, "sample_weight")
                else {}
                for name, expert in pairs
            }
        given = {"sample_weight": sample_weight, "groups": groups}
        params |= {key: value for key, value in given.items() if value is not None}
        if not params:
            return {name: {} for name, _ in pairs}
        routed = process_routing(self, "fit", **params)
        return {name: dict(routed[name].fit) for name, _ in pairs}
