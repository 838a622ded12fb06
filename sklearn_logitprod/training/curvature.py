"""Curvature of the loss in what multiplies, scales and shifts the product."""

from __future__ import annotations

import numpy as np

from sklearn_logitprod.fusion.pool import fused_scores

# numbers in the derivatives of some rows
_JACOBIAN_VALUES = 1 << 19


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


def product_hessian(
    log_proba, gate, product, sharpness, spec, likelihood, state, weight, scratch, evidence=None
):
    """Gauss-Newton Hessian in gate bias, log sharpness and class bias.

    ``sum_i weight_i J_i^T H_i J_i`` with J the derivative of F and H the curvature of the
    likelihood in F (for classes ``diag p - p p^T``). Arrays have the samples last, but
    for the state.

    Parameters
    ----------
    log_proba : ndarray of shape (n_columns, n_classes, n_samples)
    gate : ndarray of shape (n_columns, n_samples) or (n_columns, 1)
        Weights; 0 where missing.
    product : ndarray of shape (n_classes, n_samples)
        Weighted sum of the columns.
    sharpness : float
    spec : HeadSpec
    likelihood : Likelihood
    state : ndarray of shape (n_samples, ...)
        Of the likelihood, at these scores.
    weight : ndarray of shape (n_samples,)
    scratch : Scratch
    evidence : ndarray of shape (n_samples, n_experts), optional
        What a correction of the one free score reads.

    Returns
    -------
    hessian : ndarray of shape (n_parameters, n_parameters)
        In bias, with calibration log sharpness and class bias, and with ``evidence`` the
        correction.
    spread : ndarray of shape (n_free, n_free)
        In the free scores themselves, summed over the rows.
    """
    n_columns = len(log_proba)
    # the derivative in the class bias is the identity: it is never written out
    n_scaled = n_columns + spec.calibrate
    n_corrected = 0 if evidence is None else evidence.shape[1]
    jacobian, weighted = scratch.arrays((n_scaled + n_corrected, *product.shape))
    np.subtract(log_proba, product, out=jacobian[:n_columns])
    jacobian[:n_columns] *= ((sharpness / spec.temperature) * gate)[:, None]
    if spec.calibrate:
        np.multiply(product, sharpness, out=jacobian[n_columns])
    if n_corrected:
        jacobian[n_scaled:] = 0.0
        jacobian[n_scaled:, 0] = evidence.T
    inner, cross, spread = likelihood.blocks(jacobian, state, weight, weighted)
    n_free = likelihood.family.n_free(len(spread))
    cross, spread = cross[:, :n_free], spread[:n_free, :n_free]
    if not spec.calibrate:
        return inner, spread
    return _with_shift(inner, cross, spread, n_scaled), spread


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
    spread : ndarray of shape (n_free, n_free)
        Mean curvature in the free scores; for classes, the covariance of softmax F.
    """
    # Gauss-Newton: the second derivative of the gate is left out, which keeps it positive
    scratch, hessian, spread = Scratch(), 0.0, 0.0
    sharpness = np.exp(head.log_sharpness)
    for block in data:
        own, columns = weight[block.rows], block.columns
        features = block.features if head.gate.layers else None
        gate = head.gate.weights(features, columns.present)
        scores = head.scores(columns, features)
        product = fused_scores(columns, gate, 0.0)
        own_hessian, own_spread = product_hessian(
            columns.log_proba.transpose(1, 2, 0),
            gate.T,
            product.T,
            sharpness,
            spec,
            block.likelihood,
            block.likelihood.state(scores),
            own,
            scratch,
        )
        hessian, spread = hessian + own_hessian, spread + own_spread
    return hessian, spread / weight.sum()


def linear_gate_hessian(data, weight, head, layout, spec):
    """Hessian of a head with a linear gate, in all of its parameters.

    Parameters
    ----------
    data : FitData
    weight : ndarray of shape (n_samples,)
    head : Head
        Without a correction.
    layout : Layout
    spec : HeadSpec

    Returns
    -------
    hessian : ndarray of shape (size, size)
        Of Gauss and Newton, in the order of the layout, without the prior.
    curvature : ndarray of shape (size, size)
        Curvature of the gate, times the slope of the loss; with the other it is exact for
        class labels, and may be indefinite.
    """
    scratch, total = Scratch(), np.zeros((layout.size, layout.size))
    curvature = np.zeros_like(total)
    step = max(1, _JACOBIAN_VALUES // (layout.size * data.n_classes))
    position = layout.split(np.arange(layout.size))
    for block in data:
        features, columns = block.features, block.columns
        gate = head.gate.weights(features, columns.present)
        _, slope, state = block.likelihood.loss_gradient(head.scores(columns, features))
        inputs = head.gate.inputs(features)
        for start in range(0, columns.n_samples, step):
            rows = slice(start, start + step)
            log_proba = columns.log_proba[rows].transpose(1, 2, 0)
            jacobian, weighted = scratch.arrays((layout.size, *log_proba.shape[1:]))
            _derivatives(jacobian, position, head, spec, log_proba, gate[rows].T, inputs[rows].T)
            own = weight[block.rows][rows]
            total += block.likelihood.blocks(jacobian, state[rows], own, weighted)[0]
            pulled = own * slope[rows].T
            _add_curvature(
                curvature, position, head, spec, log_proba, gate[rows].T, inputs[rows].T, pulled
            )
    return total, curvature


def with_curvature(hessian, curvature):
    """Hessian with the curvature of the gate, or without where that makes it indefinite."""
    whole = hessian + curvature
    return whole if np.linalg.eigvalsh(whole)[0] > 0.0 else hessian


def _add_curvature(total, position, head, spec, log_proba, gate, inputs, slope):
    """Add the second derivative of the scores, times the slope of the loss in them.

    With the slope held, the scores are ``s sum_c g_c l_c`` with ``g = softmax(u)``,
    ``u = (b + V^T inputs / s) / T`` and ``s`` the sharpness; samples are last everywhere.
    """
    sharpness = np.exp(head.log_sharpness)
    pulled = sharpness * np.einsum("ckn,kn->cn", log_proba, slope)
    mean = (gate * pulled).sum(axis=0)
    first = gate * (pulled - mean)
    second = -first[:, None] * gate[None] - gate[:, None] * first[None]
    second[np.diag_indices(len(gate))] += first
    second /= spec.temperature**2
    # u in its own bias and output weights, the same for each column
    along = np.concatenate([np.ones((1, inputs.shape[1])), inputs / sharpness])
    where = np.concatenate([position["bias"].reshape(1, -1), position["output"]])
    for own, matrix in zip(where.T, second, strict=True):
        wide = (matrix[:, None] * along).reshape(-1, along.shape[1]) @ along.T
        # wide[(d, f), g]: column d and its input f against this column's input g
        total[where.T.reshape(-1, 1), own] += wide
    if not spec.calibrate:
        return
    scale = position["log_sharpness"].ravel()
    steer = head.gate.layers[0].T @ inputs
    bent = np.einsum("cdn,dn->cn", second, steer)
    first = first / spec.temperature
    cross = (first - bent) @ along.T
    cross[:, 1:] -= first @ along[1:].T
    total[where, scale] += cross.T
    total[scale, where] += cross.T
    total[scale, scale] += (steer * (bent - first)).sum() + mean.sum()


def _derivatives(jacobian, position, head, spec, log_proba, gate, inputs):
    """Fill in the derivatives of the scores in the parameters; samples are last everywhere."""
    sharpness = np.exp(head.log_sharpness)
    product = np.einsum("cn,ckn->kn", gate, log_proba)
    bias = ((sharpness / spec.temperature) * gate)[:, None] * (log_proba - product)
    jacobian[position["bias"]] = bias
    if spec.calibrate:
        # the layer is held as sharpness * V, which a larger sharpness leaves behind
        steer = head.gate.layers[0].T @ inputs
        along = sharpness * product - np.einsum("cn,ckn->kn", steer, bias)
        jacobian[position["log_sharpness"]] = along
        free = position["class_bias"]
        jacobian[free] = np.eye(len(product))[: len(free), :, None]
    jacobian[position["output"]] = (inputs / sharpness)[:, None, None] * bias


def _with_shift(inner, cross, spread, position):
    """Hessian with the class bias, which shifts the scores, in its place among the parameters."""
    n_free = len(spread)
    order = np.delete(np.arange(len(inner) + n_free), position + np.arange(n_free))
    shifted = slice(position, position + n_free)
    out = np.empty((len(inner) + n_free,) * 2)
    out[order[:, None], order] = inner
    out[order, shifted], out[shifted, order] = cross, cross.T
    out[shifted, shifted] = spread
    return out
