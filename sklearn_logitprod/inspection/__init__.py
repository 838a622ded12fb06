"""Looking at experts and at what fusing them gives."""

from sklearn_logitprod.inspection.compare import compare
from sklearn_logitprod.inspection.comparison_display import ExpertComparisonDisplay
from sklearn_logitprod.inspection.comparison_result import ComparisonResult
from sklearn_logitprod.inspection.oracle import oracle_gap
from sklearn_logitprod.inspection.temperature import (
    TemperatureSensitivityDisplay,
    temperature_sensitivity,
)
from sklearn_logitprod.inspection.weights_display import ExpertWeightsDisplay

__all__ = [
    "ComparisonResult",
    "ExpertComparisonDisplay",
    "ExpertWeightsDisplay",
    "TemperatureSensitivityDisplay",
    "compare",
    "oracle_gap",
    "temperature_sensitivity",
]
