"""Outputs that are read through a calibration: estimated in a fit, within every fold anew."""

from __future__ import annotations

from dataclasses import replace

from sklearn_logitprod._text import warn
from sklearn_logitprod.training.estimated import EstimatedData


class CalibrationMixin:
    """What a fit does where experts are calibrated before they are fused.

    Subclasses name the fitted attribute that holds the calibrations by the experts' names
    (``_models_name``) and what is calibrated (``_models_word``), and say which experts have one
    (``_to_calibrate``), how they are fitted from outputs, likelihood and what the fit has found so
    far (``_fit_models``), and what to doubt of them (``_model_doubts``).
    """

    _models_name: str
    _models_word: str

    def _calibrated(self, outputs, fitted):
        named = fitted[self._models_name]
        models = {m: named[outputs.names[m]] for m in self._to_calibrate(outputs)}
        return outputs.calibrated(models)

    def _joined(self, prepared, names):
        old = dict(zip(prepared.outputs.names, names, strict=True))
        new = prepared.attributes[self._models_name]
        own = getattr(self, self._models_name)
        return {self._models_name: own | {old[name]: new[name] for name in new}}

    def _prepare(self, X, y, sample_weight, groups, params, progress):
        prepared = super()._prepare(X, y, sample_weight, groups, params, progress)
        outputs = prepared.outputs
        if not self._to_calibrate(outputs):
            return replace(prepared, attributes={**prepared.attributes, self._models_name: {}})
        prepared = self._judged(prepared)
        weight = prepared.weight[prepared.kept]
        kept, likelihood = self._calibrating(prepared)
        models = self._fit_models(kept, likelihood, prepared.attributes)(weight)
        named = {outputs.names[position]: model for position, model in models.items()}
        for positions, doubt in self._model_doubts(models, kept, likelihood, weight):
            names = ", ".join(outputs.names[position] for position in positions)
            warn(f"The {self._models_word} of expert(s) {names} {doubt}", about=doubt)
        attributes = {**prepared.attributes, self._models_name: named}
        return replace(prepared, outputs=outputs.calibrated(models), attributes=attributes)

    def _judged(self, prepared):
        """The same with the likelihood that the fit is judged by, should outputs have a say."""
        return prepared

    @staticmethod
    def _calibrating(prepared):
        """Outputs and likelihood of the rows that count."""
        return prepared.outputs.take(prepared.kept), prepared.likelihood.take(prepared.kept)

    def _fit_data(self, prepared):
        data, weight = super()._fit_data(prepared)
        if not self._to_calibrate(prepared.outputs):
            return data, weight
        outputs, likelihood = self._calibrating(prepared)
        fit_models = self._fit_models(outputs, likelihood, prepared.attributes)
        return EstimatedData(
            data, lambda own: outputs.calibrated(fit_models(own)).log_proba
        ), weight
