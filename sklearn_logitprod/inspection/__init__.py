"""Looking at experts and at what fusing them gives."""

from sklearn_logitprod.inspection.compare import compare

__all__ = ["compare"]
