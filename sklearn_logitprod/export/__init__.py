"""Fitted models for pipelines that are not Python, or have no scikit-learn.

:func:`to_onnx` makes a graph of ONNX and :func:`to_torch` a module of torch, both from outputs of
the experts to predictions; neither needs this package where it runs. :func:`register_converter`
lets skl2onnx convert pipelines with a fusion in them, experts and all.
"""

from sklearn_logitprod.export.converter import register_converter
from sklearn_logitprod.export.graphs import to_onnx
from sklearn_logitprod.export.modules import save_torch, to_torch

__all__ = ["register_converter", "save_torch", "to_onnx", "to_torch"]
