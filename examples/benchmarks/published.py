"""The published procedure, re-expressed from its description as one more rival.

arXiv 2604.07779: a linear gate on 3 M + 2 features of the experts' logits (maximum
probability, margin, entropy per expert; mean entropy and mutual information), softmax
weights on the experts, a weighted sum of their logits, cross-entropy plus 0.1 times the
diversity penalty; Adam with a learning rate of 1e-5, batches of 16, up to 600 epochs, warm
restarts of a cosine schedule, the state of the best validation loss, patience 50. The
validation rows are a stratified fifth of the fit rows. A missing expert is masked.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from rivals import FLOOR, filled_log_proba, present
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

EPOCHS, PATIENCE, BATCH, RATE, PENALTY = 600, 50, 16, 1e-5, 0.1
RESTART = 10


class PublishedGate(torch.nn.Module):
    """Linear gate on features that are computed from the logits in the forward pass."""

    def __init__(self, n_experts):
        super().__init__()
        self.linear = torch.nn.Linear(3 * n_experts + 2, n_experts)

    def forward(self, logits, here):
        """Fused logits (n, n_classes) and weights (n, n_experts)."""
        proba = torch.softmax(logits, dim=-1)
        top = proba.topk(2, dim=-1).values
        entropy = -(proba * torch.log(proba + FLOOR)).sum(dim=-1)
        mean = proba.mean(dim=1)
        mean_entropy = entropy.mean(dim=1, keepdim=True)
        total = -(mean * torch.log(mean + FLOOR)).sum(dim=-1, keepdim=True)
        parts = [top[..., 0], top[..., 0] - top[..., 1], entropy]
        features = torch.cat([*parts, mean_entropy, total - mean_entropy], dim=1)
        scores = self.linear(features).masked_fill(~here, -torch.inf)
        weights = torch.softmax(scores, dim=1)
        return (weights[..., None] * logits).sum(dim=1), weights


def loss_correlation(logits, y):
    """Correlation of the experts' losses, shrunk by 0.1; no negatives, no diagonal."""
    losses = -np.take_along_axis(logits, y[:, None, None], axis=2)[:, :, 0]
    with np.errstate(invalid="ignore"):
        correlation = 0.9 * np.nan_to_num(np.corrcoef(losses.T))
    np.fill_diagonal(correlation, 0.0)
    return torch.from_numpy(np.clip(correlation, 0.0, None)).float()


def published(proba, y, max_epochs=EPOCHS, seed=0):
    """Fit the published gate; a function from outputs of the experts to probabilities."""
    torch.manual_seed(seed)
    logits, here = filled_log_proba(proba), present(proba)
    fit, held_out = train_test_split(
        np.arange(len(y)), test_size=0.2, stratify=strata(y), random_state=seed
    )
    correlation = loss_correlation(logits[fit], y[fit])

    def tensors(rows):
        arrays = (torch.from_numpy(array[rows]) for array in (logits, here, y))
        values, mask, labels = arrays
        return values.float(), mask, labels.long()

    loader = DataLoader(TensorDataset(*tensors(fit)), batch_size=BATCH, shuffle=True)
    checked = tensors(held_out)
    gate = PublishedGate(proba.shape[1])
    optimiser = torch.optim.Adam(gate.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimiser, T_0=RESTART)
    best_loss, best_state, waited = np.inf, None, 0
    for _ in range(max_epochs):
        gate.train()
        for values, mask, labels in loader:
            fused, weights = gate(values, mask)
            overlap = ((weights @ correlation) * weights).sum(dim=1).mean()
            loss = torch.nn.functional.cross_entropy(fused, labels) + PENALTY * overlap
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        schedule.step()
        gate.eval()
        with torch.no_grad():
            fused, _ = gate(*checked[:2])
            now = torch.nn.functional.cross_entropy(fused, checked[2]).item()
        waited += 1
        if now < best_loss:
            best_loss, best_state, waited = now, copy.deepcopy(gate.state_dict()), 0
        if waited >= PATIENCE:
            break
    gate.load_state_dict(best_state)

    def predict(new):
        with torch.no_grad():
            values = torch.from_numpy(filled_log_proba(new)).float()
            fused, _ = gate(values, torch.from_numpy(present(new)))
            return torch.softmax(fused, dim=1).numpy()

    return predict


def strata(y):
    """Labels to stratify by; None where a class is too rare for two parts."""
    counts = np.bincount(y)
    return y if counts[counts > 0].min() >= 2 else None
