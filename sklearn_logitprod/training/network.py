"""Gates that see the sample, in torch: linear or with one hidden layer.

The only module of the package that imports torch; nothing imports it before a fit
needs it. The objective is the one of :mod:`sklearn_logitprod.fusion`, for a batch of
problems at once, with its gradient written out, as recording operations would cost more
than they do at this size; it is tested against NumPy to 1e-10 and against finite
differences.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch

import numpy as np
import torch

from sklearn_logitprod.fusion.likelihood import CategorySets, ClassLabels
from sklearn_logitprod.training.lbfgs import Solution, minimise
from sklearn_logitprod.training.prior import MAX_LOG_SHARPNESS

FULL_BATCH_BYTES = 1 << 30
"""Size of log-probabilities and features up to which a fit is full-batch."""

# launching a kernel costs the same for any size: few large blocks
_CUDA_ROWS = 1 << 18
# on the CPU, problems are taken so many at a time that their arrays stay in the cache
_CHUNK_VALUES = 1 << 17

MINI_BATCH = 8192
"""Rows of a mini-batch, unless given."""

# rows of a mini-batch come in runs of this length: neighbours on disk, far from sorted
_CHUNK = 32
# so few steps at least, however few batches a pass has, within max_iter passes
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


@dataclass(frozen=True)
class Place:
    """Where and how precisely torch computes.

    Attributes
    ----------
    device : torch.device
    dtype : torch.dtype
        Of everything but the summed losses, which are float64.
    """

    device: torch.device
    dtype: torch.dtype = torch.float64

    def tensor(self, array):
        """Tensor of an array; floating point in this precision."""
        out = torch.from_numpy(np.ascontiguousarray(array))
        dtype = self.dtype if out.is_floating_point() else out.dtype
        return out.to(self.device, dtype)


@singledispatch
def terms_of(likelihood, n_categories, where):
    """Losses of a likelihood on tensors: a callable of fused scores.

    Sets of categories have theirs in torch, registered below; any other likelihood is asked
    in NumPy, which costs nothing on the CPU, where both share memory, and a copy elsewhere.

    Parameters
    ----------
    likelihood : Likelihood
    n_categories : int
    where : Place

    Returns
    -------
    callable
        Of scores (n, n_categories, n_rows): losses (n, n_rows) and their gradients.
    """

    def terms(fused):
        scores = fused.cpu().double().numpy().transpose(0, 2, 1)
        loss, gradient, _ = likelihood.loss_gradient(scores)
        return where.tensor(loss), where.tensor(gradient.transpose(0, 2, 1))

    return terms


@terms_of.register
def _(likelihood: ClassLabels, n_categories, where):
    labels = where.tensor(likelihood.labels)[None, None]
    inside = likelihood.members(n_categories).transpose(0, 2, 1)
    posterior = where.tensor(inside[0].astype(np.float64))

    def terms(fused):
        within = fused.gather(1, labels.expand(len(fused), 1, -1))[:, 0]
        return _against(fused, within, posterior)

    return terms


@terms_of.register
def _(likelihood: CategorySets, n_categories, where):
    outside = where.tensor(~likelihood.members(n_categories).transpose(0, 2, 1))
    weight = where.tensor(likelihood.weight)

    def terms(fused):
        masked = fused[:, None].masked_fill(outside, -torch.inf)
        within = torch.logsumexp(masked, dim=2)
        posterior = torch.exp(masked - within[:, :, None]) * weight[:, None]
        return _against(fused, (weight * within).sum(dim=1), posterior.sum(dim=1))

    return terms


def _against(fused, within, posterior):
    """Loss and gradient of what the sets hold against everything."""
    normaliser = torch.logsumexp(fused, dim=1)
    return normaliser - within, torch.exp_(fused - normaliser[:, None]).sub_(posterior)


class Batch:
    """Rows of the fit data as tensors, samples last.

    Parameters
    ----------
    columns : Columns
    features : list of ndarray of shape (n_samples, n_features)
        Standardised gating features, one array per part.
    likelihood : Likelihood
    weights : ndarray of shape (n_parts, n_samples)
    where : Place
        Device and precision.
    with_correction : bool
        Whether what a correction reads is needed.
    """

    def __init__(self, columns, features, likelihood, weights, where, with_correction):
        tensor = where.tensor

        self.log_proba = tensor(columns.log_proba.transpose(1, 2, 0))
        self.absent = None if columns.complete else tensor(~columns.present.T)
        self.features = [tensor(own.T) for own in features]
        self.evidence = tensor(columns.evidence.T) if with_correction else None
        self.weights = tensor(weights)
        self.n_experts = columns.n_experts
        self.terms = terms_of(likelihood, columns.log_proba.shape[2], where)

    @classmethod
    def of_block(cls, block, weights, standardisers, where, with_correction):
        """Batch of a block of the fit data, its features standardised for each part."""
        features = [standardiser(block.features) for standardiser in standardisers]
        return cls(block.columns, features, block.likelihood, weights, where, with_correction)


class GateTerms:
    """Losses of a batch of rows under gates, and their gradients.

    Parameters
    ----------
    problems : Problems
    where : Place
    """

    def __init__(self, problems, where):
        self.problems, self.spec, self.where = problems, problems.specs[0], where
        self.correlations = None
        if problems.correlations is not None:
            self.correlations = where.tensor(np.array(problems.correlations))

    def view(self, theta, which):
        """Parameters (n, size) of problems by name, and what else is said of these."""
        part = self.where.tensor(self.problems.part[which])
        temperature = self.where.tensor(self.problems.temperature[which, None, None])
        return self.problems.layout.split(theta), part, temperature, self.problems.runs(which)

    def forward(self, view, batch):
        """What the fused scores of a batch of rows are made of.

        Parameters
        ----------
        view : tuple
            As from :meth:`view`, for n problems.
        batch : Batch

        Returns
        -------
        inputs : tensor of shape (n, n_hidden, n_rows) or None
            Values of the hidden layer.
        steer, gate : tensor of shape (n, n_columns, n_rows)
        product, fused : tensor of shape (n, n_classes, n_rows)
        sharpness : tensor of shape (n, 1, 1)
        """
        groups, part, temperature, runs = view
        inputs = None
        if "hidden" in groups:
            inputs = _per_part(groups["hidden"], batch.features, runs)
            inputs = torch.tanh_(inputs.add_(groups["offset"][:, :, None]))
            steer = torch.bmm(groups["output"].transpose(1, 2), inputs)
        else:
            steer = _per_part(groups["output"], batch.features, runs)
        sharpness = torch.ones(len(part), 1, 1, dtype=steer.dtype, device=steer.device)
        if self.spec.calibrate:
            limit = MAX_LOG_SHARPNESS
            sharpness = torch.exp(groups["log_sharpness"].clamp(-limit, limit))[:, :, None]
        # the layer is held as sharpness * V: the prior acts on what it does to the scores
        steer /= sharpness
        scores = (steer + groups["bias"][:, :, None]) / temperature
        if batch.absent is not None:
            scores.masked_fill_(batch.absent, -torch.inf)
        gate = torch.softmax(scores, dim=1)
        product = gate[:, 0, None] * batch.log_proba[0]
        for c in range(1, len(batch.log_proba)):
            product.addcmul_(gate[:, c, None], batch.log_proba[c])
        fused = product
        if self.spec.calibrate:
            bias = groups["class_bias"]
            # bias and correction move the first scores: all of classes
            bias = torch.nn.functional.pad(bias, (0, product.shape[1] - bias.shape[1]))
            fused = torch.addcmul(bias[:, :, None], sharpness, product)
        if "correction" in groups:
            matrix = groups["correction"].transpose(1, 2).reshape(-1, len(batch.evidence))
            moved = (matrix @ batch.evidence).reshape(len(fused), -1, fused.shape[2])
            fused = fused if self.spec.calibrate else fused.clone()
            fused[:, : moved.shape[1]] += moved
        return inputs, steer, gate, product, fused, sharpness

    def __call__(self, view, batch):
        """Weighted sums of losses and diversity penalty, and their gradients.

        Returns
        -------
        value : tensor of shape (n,)
        gradient : tensor of shape (n, size)
        """
        groups, part, temperature, runs = view
        inputs, steer, gate, product, fused, sharpness = self.forward(view, batch)
        weight, n_free = batch.weights[part], self.problems.data.n_free
        loss, slope = batch.terms(fused)
        slope.mul_(weight[:, None])

        column_slope = slope[:, 0, None] * batch.log_proba[:, 0]
        for k in range(1, slope.shape[1]):
            column_slope.addcmul_(slope[:, k, None], batch.log_proba[:, k])
        column_slope *= sharpness
        if self.correlations is not None:
            own = gate[:, : batch.n_experts]
            pull = self.correlations[part] @ own
            loss = loss + self.spec.diversity * (own * pull).sum(dim=1)
            pull *= (2.0 * self.spec.diversity) * weight[:, None]
            column_slope[:, : batch.n_experts] += pull
        gate_slope = gate * (column_slope - (gate * column_slope).sum(dim=1, keepdim=True))
        gate_slope /= temperature
        gradient = {"bias": gate_slope.sum(dim=2)}
        if self.spec.calibrate:
            own = sharpness[:, :, 0] * (slope * product).sum(dim=(1, 2))[:, None]
            gradient["log_sharpness"] = own - (gate_slope * steer).sum(dim=(1, 2))[:, None]
            gradient["class_bias"] = slope[:, :n_free].sum(dim=2)
        if "correction" in groups:
            wide = slope[:, :n_free].reshape(-1, slope.shape[2]) @ batch.evidence.T
            wide = wide.reshape(len(part), n_free, -1, n_free)
            gradient["correction"] = wide.transpose(1, 2)
        gate_slope /= sharpness
        if inputs is None:
            gradient["output"] = _per_part_back(gate_slope, batch.features, runs)
        else:
            gradient["output"] = torch.bmm(inputs, gate_slope.transpose(1, 2))
            inner = torch.bmm(groups["output"], gate_slope)
            inner = torch.ops.aten.tanh_backward(inner, inputs)
            gradient["hidden"] = _per_part_back(inner, batch.features, runs)
            gradient["offset"] = inner.sum(dim=2)
        flat = [gradient[name].reshape(len(part), -1) for name in groups]
        return (weight * loss).sum(dim=1, dtype=torch.float64), torch.cat(flat, dim=1)


def _per_part(matrices, features, runs):
    """Products of matrices (n, n_features, n_out) with the features of their parts."""
    n, n_features, n_out = matrices.shape
    flat = matrices.transpose(1, 2).reshape(n * n_out, n_features)
    if len(runs) == 1:
        return (flat @ features[runs[0][0]]).reshape(n, n_out, -1)
    out = flat.new_empty(n, n_out, features[0].shape[1])
    for part, rows in runs:
        own = out[rows].view(-1, out.shape[2])
        torch.mm(flat[rows.start * n_out : rows.stop * n_out], features[part], out=own)
    return out


def _per_part_back(slopes, features, runs):
    """Products of the features of their parts with slopes (n, n_out, n_rows)."""
    n_out = slopes.shape[1]
    out = slopes.new_empty(len(slopes), n_out, len(features[0]))
    for part, rows in runs:
        own = out[rows].view(-1, out.shape[2])
        torch.mm(slopes[rows].reshape(-1, slopes.shape[2]), features[part].T, out=own)
    return out.transpose(1, 2)


class GateObjective:
    """Objective of heads with a gate, full-batch, on a device.

    Parameters
    ----------
    problems : Problems
    where : Place
    """

    def __init__(self, problems, where):
        self.problems, self.where = problems, where
        self.terms = GateTerms(problems, where)
        with_correction = "correction" in problems.layout.shapes
        self._rows, self.batches = [], []
        for block in problems.data.blocks(_CUDA_ROWS if where.device.type == "cuda" else None):
            weights = problems.weights[:, block.rows]
            if weights.any():
                self._rows.append(block.rows)
                self.batches.append(
                    Batch.of_block(block, weights, problems.standardisers, where, with_correction)
                )

    def _chunks(self, theta, which, batch):
        """Views of the problems, as many at a time as the processor's cache holds."""
        step = len(which)
        if self.where.device.type == "cpu":
            data, width = self.problems.data, self.problems.specs[0].gate_width
            widest = max(width, data.n_columns, data.n_classes)
            step = max(1, _CHUNK_VALUES // (widest * batch.weights.shape[1]))
        for start in range(0, len(which), step):
            own = slice(start, start + step)
            yield own, self.terms.view(self.where.tensor(theta[own]), which[own])

    def __call__(self, theta, which):
        """Objectives (n,), prior included, and gradients (n, size) of problems."""
        value, gradient = self.problems.prior(theta, which)
        for batch in self.batches:
            for own, view in self._chunks(theta, which, batch):
                terms, slope = self.terms(view, batch)
                value[own] += terms.cpu().numpy()
                gradient[own] += slope.cpu().numpy()
        return value, gradient

    def scores(self, theta, which):
        """Fused scores of problems: ndarray (n, n_samples, n_classes)."""
        data = self.problems.data
        out = np.zeros((len(which), data.n_classes, data.n_samples))
        for rows, batch in zip(self._rows, self.batches, strict=True):
            for own, view in self._chunks(theta, which, batch):
                out[own, :, rows] = self.terms.forward(view, batch)[4].cpu().numpy()
        return out.transpose(0, 2, 1)


def fit_gates(problems, metric, origin, start, limit, settings, single):
    """Train gates, full batch by L-BFGS or in mini-batches by Adam.

    Parameters
    ----------
    problems : Problems
    metric : callable
        See :func:`~sklearn_logitprod.training.lbfgs.minimise`.
    origin : callable
        Gives the parameters (n_problems, size) that Adam starts from.
    start : callable
        Gives the :class:`~sklearn_logitprod.training.lbfgs.Start` of L-BFGS.
    limit : ndarray of shape (n_problems,)
    settings : Settings
    single : bool
        Whether float32 is precise enough.

    Returns
    -------
    solution : Solution
    objective : GateObjective or None
        None for mini-batches.
    """
    # summed losses stay in float64 whatever the precision of the arrays
    where = Place(resolve_device(settings.device), torch.float32 if single else torch.float64)
    # L-BFGS needs the same objective at every step: it is full-batch, or it is not used
    n_rows = mini_batch_rows(problems.data, problems.layout, settings)
    if n_rows < problems.data.n_samples or settings.solver == "adam":
        return _adam(problems, origin(), where, n_rows, settings), None
    objective = GateObjective(problems, where)
    rounding = torch.finfo(where.dtype).eps
    return minimise(objective, metric, start(), limit, settings.max_iter, rounding), objective


def mini_batch_rows(data, layout, settings):
    """Rows of a mini-batch; all rows for a full-batch fit."""
    if settings.batch_size != "auto":
        return min(settings.batch_size, data.n_samples)
    n_features = layout.shapes.get("hidden", layout.shapes["output"])[0]
    n_bytes = 8 * data.n_samples * (data.n_columns * data.n_classes + n_features)
    if n_bytes <= FULL_BATCH_BYTES and settings.solver == "lbfgs":
        return data.n_samples
    return min(MINI_BATCH, data.n_samples)


def _adam(problems, origin, where, n_rows, settings):
    """Mini-batches of Adam from ``origin``, with a cosine schedule and averaging."""
    data, layout = problems.data, problems.layout
    terms, which = GateTerms(problems, where), np.arange(len(problems))
    random = np.random.RandomState(settings.seed)
    starts = np.arange(0, data.n_samples, _CHUNK)
    per_batch = max(1, n_rows // _CHUNK)
    n_steps = -(-len(starts) // per_batch)
    epochs = min(settings.max_iter, max(1, -(-_LEAST_STEPS // n_steps)))
    theta = where.tensor(origin.copy())
    n_effective = where.tensor(problems.n_effective[:, None])
    optimiser = torch.optim.Adam([theta], lr=_LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * n_steps)
    curves, mean, averaged, step = [[] for _ in which], torch.zeros_like(theta), 0, 0
    for _ in range(epochs):
        total = np.zeros(len(which))
        order = random.permutation(len(starts))
        for chosen in np.array_split(order, n_steps):
            rows = (np.sort(starts[chosen])[:, None] + np.arange(_CHUNK)).ravel()
            rows = rows[rows < data.n_samples]
            own = problems.weights[:, rows]
            # the mass to be expected: a fold may hold out all rows of a batch
            scale = n_effective * (len(rows) / data.n_samples)
            batch = Batch.of_block(
                data.block(rows), own, problems.standardisers, where, "correction" in layout.shapes
            )
            value, gradient = terms(terms.view(theta, which), batch)
            # per effective sample, as the gradient of the batch is
            prior = problems.prior(theta.cpu().numpy(), which)[1]
            theta.grad = gradient / scale + where.tensor(prior) / n_effective
            optimiser.step()
            schedule.step()
            step += 1
            total += value.cpu().numpy()
            # the mean of the second half: single steps of Adam scatter around the optimum
            if 2 * step > epochs * n_steps:
                averaged += 1
                mean += (theta - mean) / averaged
        prior = problems.prior(theta.cpu().numpy(), which)[0]
        for curve, value in zip(curves, total + prior, strict=True):
            curve.append(float(value))
    return Solution(mean.cpu().double().numpy(), curves, np.ones(len(which), dtype=bool))
