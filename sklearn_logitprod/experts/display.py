"""How an estimator with experts looks in a notebook."""

from __future__ import annotations

try:
    from sklearn.utils._repr_html.estimator import _VisualBlock
except ImportError:
    # its home before scikit-learn 1.7
    from sklearn.utils._estimator_html_repr import _VisualBlock

from sklearn_logitprod.experts.naming import name_experts


class ExpertsDisplayMixin:
    """Show the experts side by side, with their state and, once fitted, mean weights.

    Of precomputed outputs, which have no experts to be shown, an overview of those of the fit data
    stands below the estimator.
    """

    def __str__(self):
        own = getattr(self, "expert_overview_", None)
        return repr(self) if own is None else f"{self!r}\n\n{own.text()}"

    def _repr_html_inner(self):
        return self._with_overview(super()._repr_html_inner())

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        bundle["text/plain"] = str(self)
        if "text/html" in bundle:
            bundle["text/html"] = self._with_overview(bundle["text/html"])
        return bundle

    def _with_overview(self, html):
        own = getattr(self, "expert_overview_", None)
        return html if own is None else html + own.html("Experts on the fit data")

    def _sk_visual_block_(self):
        if self.experts is None:
            return _VisualBlock(
                "single",
                self,
                names=type(self).__name__,
                name_details=repr(self),
            )
        pairs = name_experts(self.experts)
        weights = {}
        if hasattr(self, "mean_expert_weights_"):
            weights = dict(zip(self.expert_names_, self.mean_expert_weights_, strict=True))
        labels = []
        for name, expert in pairs:
            state = "prefit" if self._prefit else "cross-fitted"
            if isinstance(expert, str):
                state = "dropped"
            weight = f", mean weight {weights[name]:.2f}" if name in weights else ""
            # neighbouring labels touch where they are wider than the blocks below
            labels.append(f"\u2003{name} ({state}{weight})\u2003")
        return _VisualBlock(
            "parallel", [expert for _, expert in pairs], names=labels, dash_wrapped=False
        )
