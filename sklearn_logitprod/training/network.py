"""Gates that see the sample, in torch: linear or with one hidden layer.

The only module of the package that imports torch; nothing imports it before a fit
needs it. The objective is the one of :mod:`sklearn_logitprod.fusion`, with its gradient
written out, as recording operations would cost more than they do at this size; it is
tested against NumPy to 1e-10 and against finite differences.
"""

from __future__ import annotations

import numpy as np
import torch

from sklearn_logitprod.training.optimise import Solution, minimise_lbfgs
from sklearn_logitprod.training.prior import MAX_LOG_SHARPNESS

FULL_BATCH_BYTES = 1 << 30
"""Size of log-probabilities and features up to which a fit is full-batch."""

MINI_BATCH = 8192
"""Rows of a mini-batch, unless given."""

# rows of a mini-batch come in runs of this length: neighbours on disk, far from sorted
_CHUNK = 32
_LEAST_STEPS = 1500
_LEARNING_RATE = 0.01


def resolve_device(device):
    """Torch device of a parameter value: CUDA for ``"auto"`` when there is one."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(
            f"device={device!r} asks for CUDA, but torch {torch.__version__} finds no CUDA "
            "device. Use device='auto' or device='cpu'."
        )
    return torch.device(device)


class Batch:
    """Rows of the fit data as tensors, samples last.

    Parameters
    ----------
    columns : Columns
    features : ndarray of shape (n_samples, n_features)
        Standardised gating features.
    sets : LabelSets
    weight : ndarray of shape (n_samples,)
    device : torch.device
    with_correction : bool
        Whether the centred log-probabilities are needed.
    """

    def __init__(self, columns, features, sets, weight, device, with_correction):
        def tensor(array):
            return torch.from_numpy(np.ascontiguousarray(array)).to(device)

        self.log_proba = tensor(columns.log_proba.transpose(1, 2, 0))
        self.absent = None if columns.complete else tensor(~columns.present.T)
        self.features = tensor(features.T)
        self.centred = tensor(columns.centred.T) if with_correction else None
        self.weight = tensor(weight)
        self.n_experts = columns.n_experts
        inside = sets.members(columns.log_proba.shape[2]).transpose(0, 2, 1)
        self.labels = sets.labels
        if self.labels is not None:
            self.labels = tensor(self.labels)[None]
            self.posterior = tensor(inside[0]).double()
        else:
            self.outside, self.set_weight = tensor(~inside), tensor(sets.weight)

    @classmethod
    def of_block(cls, block, weight, standardiser, device, with_correction):
        """Batch of a block of the fit data, its features standardised."""
        features = standardiser(block.features)
        return cls(block.columns, features, block.sets, weight, device, with_correction)

    def set_terms(self, fused):
        """Log-probability of the sets, up to the normaliser, and its gradient."""
        if self.labels is not None:
            return fused.gather(0, self.labels)[0], self.posterior
        masked = fused.masked_fill(self.outside, -torch.inf)
        within = torch.logsumexp(masked, dim=1)
        posterior = torch.exp(masked - within[:, None]) * self.set_weight[:, None]
        return (self.set_weight * within).sum(dim=0), posterior.sum(dim=0)


def value_and_gradient(groups, batch, spec, correlation):
    """Weighted sum of losses and diversity penalty over a batch, and its gradient.

    Parameters
    ----------
    groups : dict of str to tensor
        Parameters by name, as :class:`~sklearn_logitprod.training.prior.Layout` splits
        them.
    batch : Batch
    spec : HeadSpec
    correlation : tensor of shape (n_experts, n_experts) or None

    Returns
    -------
    value : tensor of shape ()
    gradient : dict of str to tensor
        Of the same names and shapes as ``groups``.
    """
    inputs = batch.features
    if "hidden" in groups:
        inputs = torch.tanh(groups["hidden"].T @ inputs + groups["offset"][:, None])
    sharpness = 1.0
    if spec.calibrate:
        limit = MAX_LOG_SHARPNESS
        sharpness = torch.exp(groups["log_sharpness"].clamp(-limit, limit))
    steer = (groups["output"].T @ inputs) / sharpness
    scores = steer + groups["bias"][:, None]
    if spec.temperature != 1.0:
        scores /= spec.temperature
    if batch.absent is not None:
        scores.masked_fill_(batch.absent, -torch.inf)
    gate = torch.softmax(scores, dim=0)
    product = (gate[:, None] * batch.log_proba).sum(dim=0)
    fused = product
    if spec.calibrate:
        fused = sharpness * product + groups["class_bias"][:, None]
    if "correction" in groups:
        fused = fused + groups["correction"].transpose(0, 1).reshape(len(fused), -1) @ batch.centred
    normaliser = torch.logsumexp(fused, dim=0)
    inside, posterior = batch.set_terms(fused)
    loss = normaliser - inside
    slope = (torch.exp(fused - normaliser) - posterior) * batch.weight

    column_slope = (slope[None] * batch.log_proba).sum(dim=1) * sharpness
    if correlation is not None:
        own = gate[: batch.n_experts]
        pull = correlation @ own
        loss = loss + spec.diversity * (own * pull).sum(dim=0)
        column_slope[: batch.n_experts] += (2.0 * spec.diversity) * pull * batch.weight
    gate_slope = gate * (column_slope - (gate * column_slope).sum(dim=0))
    if spec.temperature != 1.0:
        gate_slope /= spec.temperature
    gradient = {"bias": gate_slope.sum(dim=1), "output": (inputs @ gate_slope.T) / sharpness}
    if spec.calibrate:
        own = sharpness * (slope * product).sum()
        gradient["log_sharpness"] = own - (gate_slope * steer).sum()
        gradient["class_bias"] = slope.sum(dim=1)
    if "correction" in groups:
        wide = (slope @ batch.centred.T).reshape(len(slope), -1, len(slope))
        gradient["correction"] = wide.transpose(0, 1)
    if "hidden" in groups:
        inner = (groups["output"] @ gate_slope) * (1.0 - inputs**2) / sharpness
        gradient["hidden"] = batch.features @ inner.T
        gradient["offset"] = inner.sum(dim=1)
    return batch.weight @ loss, gradient


class GateObjective:
    """Objective of one head with a gate, on a device.

    Parameters
    ----------
    batches : list of Batch
        The rows; their losses add up.
    layout : Layout
    spec : HeadSpec
    correlation : tensor of shape (n_experts, n_experts) or None
    device : torch.device
    """

    def __init__(self, batches, layout, spec, correlation, device):
        self.batches, self.layout, self.spec, self.device = batches, layout, spec, device
        self._correlation = correlation

    def value_gradient(self, theta):
        """Objective, prior included, and its gradient at parameters (n_parameters,)."""
        offset = theta - self.layout.centre
        value = 0.5 * (self.layout.precision @ offset**2)
        gradient = self.layout.precision * offset
        data_value, data_gradient = self.data_terms(torch.from_numpy(theta).to(self.device))
        return value + data_value.item(), gradient + data_gradient.cpu().numpy()

    def data_terms(self, theta):
        """Losses and their gradient, without the prior, as tensors."""
        groups = self.layout.split(theta)
        value, gradient = 0.0, 0.0
        for batch in self.batches:
            term, parts = value_and_gradient(groups, batch, self.spec, self._correlation)
            value = value + term
            gradient = gradient + torch.cat([parts[name].reshape(-1) for name in groups])
        return value, gradient


def fit_gate(data, weight, layout, spec, standardiser, correlation, metric, origin, settings):
    """Train a gate, full batch by L-BFGS or in mini-batches by Adam.

    Parameters
    ----------
    data : FitData
    weight : ndarray of shape (n_samples,)
        Sample weights divided by the design effect.
    layout : Layout
    spec : HeadSpec
    standardiser : Standardiser
    correlation : ndarray of shape (n_experts, n_experts) or None
    metric : Metric
    origin : ndarray of shape (n_parameters,)
        Starting point.
    settings : Settings

    Returns
    -------
    Solution
    """
    device = resolve_device(settings.device)
    n_rows = mini_batch_rows(data, layout, settings)
    penalty = None if correlation is None else torch.from_numpy(correlation).to(device)
    if n_rows < data.n_samples or settings.solver == "adam":
        return _adam(
            data, weight, layout, spec, standardiser, penalty, origin, device, n_rows, settings
        )
    with_correction = "correction" in layout.shapes
    batches = [
        Batch.of_block(block, weight[block.rows], standardiser, device, with_correction)
        for block in data
        if weight[block.rows].any()
    ]
    objective = GateObjective(batches, layout, spec, penalty, device)
    return minimise_lbfgs(objective.value_gradient, metric, origin, weight.sum(), settings)


def mini_batch_rows(data, layout, settings):
    """Rows of a mini-batch; all rows for a full-batch fit."""
    if settings.batch_size != "auto":
        return min(settings.batch_size, data.n_samples)
    n_features = layout.shapes.get("hidden", layout.shapes["output"])[0]
    n_bytes = 8 * data.n_samples * (data.n_columns * data.n_classes + n_features)
    if n_bytes <= FULL_BATCH_BYTES and settings.solver == "lbfgs":
        return data.n_samples
    return min(MINI_BATCH, data.n_samples)


def _adam(data, weight, layout, spec, standardiser, correlation, origin, device, n_rows, settings):
    """Mini-batches of Adam from the constant pool, with a cosine schedule and averaging."""
    random = np.random.RandomState(settings.seed)
    n_effective = weight.sum()
    starts = np.arange(0, data.n_samples, _CHUNK)
    per_batch = max(1, n_rows // _CHUNK)
    n_steps = -(-len(starts) // per_batch)
    epochs = min(settings.max_iter, max(1, -(-_LEAST_STEPS // n_steps)))
    theta = torch.from_numpy(origin.copy()).to(device)
    centre = torch.from_numpy(layout.centre).to(device)
    precision = torch.from_numpy(layout.precision).to(device)
    optimiser = torch.optim.Adam([theta], lr=_LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * n_steps)
    curve, mean, averaged, step = [], torch.zeros_like(theta), 0, 0
    for _ in range(epochs):
        total = 0.0
        order = random.permutation(len(starts))
        for chosen in np.array_split(order, n_steps):
            rows = (np.sort(starts[chosen])[:, None] + np.arange(_CHUNK)).ravel()
            rows = rows[rows < data.n_samples]
            own = weight[rows]
            if not own.any():
                continue
            batch = Batch.of_block(
                data.block(rows), own, standardiser, device, "correction" in layout.shapes
            )
            groups = layout.split(theta)
            value, parts = value_and_gradient(groups, batch, spec, correlation)
            gradient = torch.cat([parts[name].reshape(-1) for name in groups]) / own.sum()
            theta.grad = gradient + precision * (theta - centre) / n_effective
            optimiser.step()
            schedule.step()
            step += 1
            total += value.item()
            if 2 * step > epochs * n_steps:
                averaged += 1
                mean += (theta - mean) / averaged
        offset = theta - centre
        curve.append((total + 0.5 * (precision @ offset**2).item()) / n_effective)
    return Solution(mean.cpu().numpy(), curve, True)
