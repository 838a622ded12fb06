"""Exported models: how large they are, how near to ``predict_proba``, how fast.

    OMP_NUM_THREADS=1 python examples/benchmarks/bench_export.py

10 000 rows with gaps in a fifth of the outputs, float32; the best of five runs.
"""

import time

import numpy as np
import onnxruntime
import torch

from sklearn_logitprod import LogitProdClassifier
from sklearn_logitprod.deployment import add_expert, with_safety
from sklearn_logitprod.export import to_onnx, to_torch

N_ROWS = 10_000


def task(n_rows, n_experts, n_classes, seed):
    """Logits with gaps, and labels."""
    random = np.random.default_rng(seed)
    y = random.integers(n_classes, size=n_rows)
    logits = random.normal(size=(n_rows, n_experts, n_classes))
    logits[np.arange(n_rows), :, y] += 1.0
    gaps = random.random((n_rows, n_experts)) < 0.2
    gaps[gaps[:, :-1].all(axis=1), 0] = False
    logits[gaps] = np.nan
    return logits.astype(np.float32), y


def best(call):
    """Milliseconds of the fastest of five calls."""
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return 1000.0 * min(seconds)


def measured(name, model, X):
    """Print a line of a model."""
    proto, module = to_onnx(model), to_torch(model)
    data = proto.SerializeToString()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options)
    given = torch.tensor(X)

    def by_onnx():
        return session.run(["probabilities"], {"logits": X})[0]

    def by_torch():
        with torch.no_grad():
            return module(given).exp().numpy()

    expected = model.predict_proba(X)
    off = [np.abs(call() - expected).max() for call in (by_onnx, by_torch)]
    times = [best(call) for call in (lambda: model.predict_proba(X), by_onnx, by_torch)]
    print(
        f"{name:32}{len(data) / 1e3:7.0f}  {off[0]:9.1e} {off[1]:9.1e}"
        + "".join(f"{ms:9.1f}" for ms in times),
        flush=True,
    )


def main():
    """Print a line for each model."""
    torch.set_num_threads(1)
    print(
        f"{'model':32}{'kB':>7}  {'ONNX off':>9} {'torch off':>9}"
        f"{'NumPy ms':>9}{'ONNX':>9}{'torch':>9}"
    )
    X, y = task(600, 5, 3, 0)
    new = task(N_ROWS, 5, 3, 1)[0]
    for width in (None, 0, 8, "auto"):
        measured(f"5 experts, gate {width}", LogitProdClassifier(gate_width=width).fit(X, y), new)
    smaller = LogitProdClassifier().fit(X[:, :4], y)
    grown = add_expert(smaller, X[:, :4], y, experts={"new": X[:, 4]})
    measured("4 + 1 experts, auto, safe", with_safety(grown), new)
    X, y = task(600, 12, 3, 2)
    measured("12 experts, auto", LogitProdClassifier().fit(X, y), task(N_ROWS, 12, 3, 3)[0])


if __name__ == "__main__":
    main()
