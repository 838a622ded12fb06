"""Fitted models for pipelines that are not Python, or have no scikit-learn.

:func:`to_onnx` makes a graph of ONNX and :func:`to_torch` a module of torch, both from outputs of the
experts to predictions; neither needs this package where it runs.
"""

from sklearn_logitprod.export.graphs import to_onnx
from sklearn_logitprod.export.modules import save_torch, to_torch

__all__ = ["save_torch", "to_onnx", "to_torch"]
