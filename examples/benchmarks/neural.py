"""Regularized neural ensemblers, re-expressed from their description as one more rival.

arXiv 2410.04520 (Arango et al., 2025), the mode that averages models: a network gives every
sample its own weights of the experts, and their probabilities are averaged with these. While it
is trained, experts are dropped at random, sample by sample, from what it reads and from what it
weighs, so that it cannot lean on one. The network reads the experts' probabilities of one class
and is shared by the classes; its outputs are averaged over them. Sizes and steps are those of
the authors' example (three layers of 32, Adam at 1e-3, batches of 512, up to 1000 epochs, a fifth
of the experts dropped). Ours is that the epoch is kept that is best on a stratified fifth of the
fit rows, that training ends after 2000 steps or 250 epochs without a gain, and that a missing
expert counts as dropped.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from published import strata
from rivals import CLIP, filled_proba, present
from sklearn.model_selection import train_test_split

WIDTH, LAYERS = 32, 3
EPOCHS, STEPS, BATCH, RATE, DROPPED = 1000, 2000, 512, 1e-3, 0.2
CHECK, PATIENCE = 5, 250  # epochs


class NeuralEnsembler(torch.nn.Module):
    """From probabilities (n, n_experts, n_classes) and a mask (n, n_experts) to log-probabilities.

    Parameters
    ----------
    n_experts : int
    dropped : float
        Share of the experts that is dropped in training.
    """

    def __init__(self, n_experts, dropped=DROPPED):
        super().__init__()
        self.dropped = dropped
        layers, width = [], n_experts
        for _ in range(LAYERS - 1):
            layers += [torch.nn.Linear(width, WIDTH), torch.nn.ReLU()]
            width = WIDTH
        self.network = torch.nn.Sequential(*layers, torch.nn.Linear(width, n_experts))

    def forward(self, proba, here):
        """Log-probabilities (n, n_classes)."""
        read = here
        if self.training:
            kept = here & (torch.rand(here.shape) >= self.dropped)
            # a sample that would lose all of its experts keeps them
            read = torch.where(kept.any(dim=1, keepdim=True), kept, here)
        seen = proba * (read / read.float().mean(dim=1, keepdim=True))[..., None]
        scores = self.network(seen.transpose(1, 2)).mean(dim=1)
        weights = torch.softmax(scores.masked_fill(~read, -torch.inf), dim=1)
        return torch.log((weights[..., None] * proba).sum(dim=1).clamp(min=CLIP))


def neural_ensembler(proba, y, dropped=DROPPED, max_epochs=EPOCHS, seed=0):
    """Fit a neural ensembler; a function from outputs of the experts to probabilities."""
    torch.manual_seed(seed)
    fit, held_out = train_test_split(
        np.arange(len(y)), test_size=0.2, stratify=strata(y), random_state=seed
    )
    labels = torch.from_numpy(y).long()
    values, here = _tensors(proba)
    model = NeuralEnsembler(proba.shape[1], dropped)
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)
    best_loss, best_state, best_epoch = np.inf, None, 0
    most = min(max_epochs, -(-STEPS * BATCH // len(fit)))
    for epoch in range(1, most + 1):
        model.train()
        for rows in torch.from_numpy(fit)[torch.randperm(len(fit))].split(BATCH):
            loss = torch.nn.functional.nll_loss(model(values[rows], here[rows]), labels[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        if epoch % CHECK and epoch < most:
            continue
        model.eval()
        with torch.no_grad():
            fused = model(values[held_out], here[held_out])
            now = torch.nn.functional.nll_loss(fused, labels[held_out]).item()
        if now < best_loss:
            best_loss, best_state, best_epoch = now, copy.deepcopy(model.state_dict()), epoch
        if epoch - best_epoch >= PATIENCE:
            break
    model.load_state_dict(best_state)

    def predict(new):
        with torch.no_grad():
            proba = torch.exp(model(*_tensors(new))).numpy().astype(np.float64)
        return proba / proba.sum(axis=1, keepdims=True)

    return predict


def _tensors(proba):
    here = present(proba)
    # a missing expert has no weight, whatever stands there
    return torch.from_numpy(filled_proba(proba)).float(), torch.from_numpy(here)
