"""Risks among the outputs of survival experts: calibrated in a fit, within every fold anew."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from sklearn_logitprod._text import warn
from sklearn_logitprod.training.estimated import EstimatedData
from sklearn_logitprod.training.risk import fit_risks, risk_doubts


class RiskCalibrationMixin:
    """What a fit does where experts give risks: ``risk_models_``, by the names of experts."""

    def _calibrated(self, outputs, fitted):
        models = {m: fitted["risk_models_"][outputs.names[m]] for m in outputs.risks}
        return outputs.calibrated(models)

    def _joined(self, prepared, names):
        old = dict(zip(prepared.outputs.names, names, strict=True))
        new = prepared.attributes["risk_models_"]
        return {"risk_models_": self.risk_models_ | {old[name]: new[name] for name in new}}

    def _prepare(self, X, y, sample_weight, groups, params, progress):
        prepared = super()._prepare(X, y, sample_weight, groups, params, progress)
        outputs = prepared.outputs
        if not outputs.risks:
            return replace(prepared, attributes={**prepared.attributes, "risk_models_": {}})
        calibrate, weight = self._risk_calibration(prepared), prepared.weight[prepared.kept]
        models = calibrate(weight)
        named = {outputs.names[position]: model for position, model in models.items()}
        for positions, doubt in risk_doubts(models, *calibrate.args, weight):
            names = ", ".join(outputs.names[position] for position in positions)
            warn(f"The risk of expert(s) {names} {doubt}", about=doubt)
        attributes = {**prepared.attributes, "risk_models_": named}
        return replace(prepared, outputs=outputs.calibrated(models), attributes=attributes)

    def _risk_calibration(self, prepared):
        """What calibrates the experts' risks under weights of the rows that count."""
        outputs, kept = prepared.outputs.take(prepared.kept), prepared.kept
        risks = {position: outputs.risk(position) for position in outputs.risks}
        return partial(
            fit_risks, risks, prepared.likelihood.take(kept), n_times=outputs.shape[2] - 1
        )

    def _fit_data(self, prepared):
        data, weight = super()._fit_data(prepared)
        if not prepared.outputs.risks:
            return data, weight
        outputs = prepared.outputs.take(prepared.kept)
        calibrate = self._risk_calibration(prepared)
        return EstimatedData(data, lambda own: outputs.calibrated(calibrate(own)).log_proba), weight
