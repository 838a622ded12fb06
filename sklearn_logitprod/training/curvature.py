"""Curvature of the loss in what multiplies, scales and shifts the product."""

from __future__ import annotations

import numpy as np

from sklearn_logitprod.fusion.logits import log_softmax
from sklearn_logitprod.fusion.pool import fused_scores


class Scratch:
    """Two scratch arrays that outlive a call: fresh ones cost more than the arithmetic."""

    def __init__(self):
        self._buffer = np.empty(0)

    def arrays(self, shape):
        """Two uninitialised arrays of a shape; they are overwritten by the next call."""
        size = int(np.prod(shape))
        if len(self._buffer) < 2 * size:
            self._buffer = np.empty(2 * size)
        halves = self._buffer[:size], self._buffer[size : 2 * size]
        return tuple(half.reshape(shape) for half in halves)


def product_hessian(log_proba, gate, product, sharpness, spec, proba, weight, scratch):
    """Gauss-Newton Hessian in gate bias, log sharpness and class bias.

    ``sum_i weight_i J_i^T (diag p_i - p_i p_i^T) J_i`` with J the derivative of F. All
    arrays have the samples last.

    Parameters
    ----------
    log_proba : ndarray of shape (n_columns, n_classes, n_samples)
    gate : ndarray of shape (n_columns, n_samples) or (n_columns, 1)
        Weights; 0 where missing.
    product : ndarray of shape (n_classes, n_samples)
        Weighted sum of the columns.
    sharpness : float
    spec : HeadSpec
    proba : ndarray of shape (n_classes, n_samples)
        Fused probabilities.
    weight : ndarray of shape (n_samples,)
    scratch : Scratch

    Returns
    -------
    ndarray of shape (n_parameters, n_parameters)
        Of bias and, with calibration, log sharpness and class bias.
    """
    n_columns = len(log_proba)
    jacobian, weighted = scratch.arrays((n_columns + spec.calibrate, *product.shape))
    np.subtract(log_proba, product, out=jacobian[:n_columns])
    jacobian[:n_columns] *= ((sharpness / spec.temperature) * gate)[:, None]
    if spec.calibrate:
        np.multiply(product, sharpness, out=jacobian[-1])
    np.multiply(jacobian, proba, out=weighted)
    mean = weighted.sum(axis=1)
    weighted *= weight
    n_parts = len(jacobian)
    head = jacobian.reshape(n_parts, -1) @ weighted.reshape(n_parts, -1).T
    head -= (mean * weight) @ mean.T
    if not spec.calibrate:
        return head
    mass = proba * weight
    spread = np.diag(mass.sum(axis=1)) - mass @ proba.T
    cross = weighted.sum(axis=2) - mean @ mass.T
    return np.block([[head, cross], [cross.T, spread]])


def head_curvature(data, weight, head, spec):
    """Curvature at a fitted head, gate included.

    Parameters
    ----------
    data : FitData
    weight : ndarray of shape (n_samples,)
    head : Head
    spec : HeadSpec

    Returns
    -------
    hessian : ndarray of shape (n_base, n_base)
        In bias and, with calibration, log sharpness and class bias; without the prior.
    spread : ndarray of shape (n_classes, n_classes)
        Mean covariance of softmax F: the curvature in F itself.
    """
    scratch, hessian, spread = Scratch(), 0.0, 0.0
    sharpness = np.exp(head.log_sharpness)
    for block in data:
        own, columns = weight[block.rows], block.columns
        features = block.features if head.gate.layers else None
        gate = head.gate.weights(features, columns.present)
        scores = head.scores(columns, features)
        product = fused_scores(columns, gate, 0.0)
        proba = np.exp(log_softmax(scores))
        hessian = hessian + product_hessian(
            columns.log_proba.transpose(1, 2, 0),
            gate.T,
            product.T,
            sharpness,
            spec,
            proba.T,
            own,
            scratch,
        )
        mass = proba.T * own
        spread = spread + np.diag(mass.sum(axis=1)) - mass @ proba
    return hessian, spread / weight.sum()
