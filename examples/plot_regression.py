"""
Regressors fused, with intervals
================================

Three labs have each calibrated an assay on samples of one range, and each regressor says with
a standard deviation how little it knows elsewhere.
:class:`~sklearn_logitprod.LogitProdRegressor` reads every one of them as a Gaussian, calibrated
on samples that are new to it, and multiplies these: whoever is surer counts for more, sample by
sample, and what comes out is a prediction with an interval.
"""

# %%
# The experts
# -----------
# Gaussian processes, each fitted on 40 samples of its own range. On 300 samples of all ranges,
# which are new to them, they give means and standard deviations: all that the fusion sees.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel

from sklearn_logitprod import LogitProdRegressor, stack_outputs
from sklearn_logitprod.inspection import ExpertComparisonDisplay
from sklearn_logitprod.metrics import crps_gaussian, interval_coverage

rng = np.random.default_rng(0)


def measured(x):
    return 20 + 2 * x + 6 * np.sin(x) + 1.5 * rng.normal(size=len(x))


labs = {"lab A": (0.0, 4.0), "lab B": (3.0, 7.5), "lab C": (6.5, 10.0)}
experts = {}
for name, ends in labs.items():
    x_own = rng.uniform(*ends, size=40)
    kernel = RBF(1.0) + WhiteKernel(0.1)
    process = GaussianProcessRegressor(kernel, normalize_y=True, random_state=0)
    experts[name] = process.fit(x_own[:, None], measured(x_own))


def outputs(x):
    """Mean and standard deviation of each expert, as a frame with columns of two levels."""
    said = {
        name: np.column_stack(expert.predict(x[:, None], return_std=True))
        for name, expert in experts.items()
    }
    return stack_outputs(said, classes=["mean", "std"])


x_new = rng.uniform(0.0, 10.0, size=300)
X, y = outputs(x_new), measured(x_new)

# %%
# The fusion
# ----------
# It learns from half of them and is judged on the rest. Nine of ten values should lie in their
# interval.

X_test, y_test = X[150:], y[150:]
fused = LogitProdRegressor(input="mean_std", random_state=0).fit(X[:150], y[:150])
mean, std = fused.predict(X_test, return_std=True)
interval = fused.predict_interval(X_test, coverage=0.9)
print(f"R^2 {fused.score(X_test, y_test):.3f}, CRPS {crps_gaussian(y_test, mean, std):.2f}")
print(f"in their 90 % interval: {interval_coverage(y_test, interval):.2f}")

# %%
# Who is heard where
# ------------------
# Above the calibrated experts, each with one standard deviation, below what is made of them.

grid = np.linspace(0.0, 10.0, 300)
said, spread = fused.expert_predictions(outputs(grid), return_std=True)
lower, upper = fused.predict_interval(outputs(grid), coverage=0.9).T
fig, (top, bottom) = plt.subplots(
    2, 1, figsize=(5.6, 5.2), layout="constrained", sharex=True, sharey=True
)
for m, (name, colour) in enumerate(zip(labs, ["#E69F00", "#56B4E9", "#009E73"], strict=True)):
    top.plot(grid, said[:, m], color=colour, label=name)
    ends = said[:, m] - spread[:, m], said[:, m] + spread[:, m]
    top.fill_between(grid, *ends, color=colour, alpha=0.25, linewidth=0)
bottom.fill_between(grid, lower, upper, color="#D55E00", alpha=0.3, lw=0, label="90 % interval")
bottom.plot(grid, fused.predict(outputs(grid)), color="#D55E00", label="LogitProd")
bottom.plot(x_new[150:], y_test, "k.", markersize=3, label="new samples")
bottom.set(xlabel="concentration", ylabel="measured", ylim=(12, 53))
top.set(ylabel="measured")
for ax in (top, bottom):
    ax.legend(frameon=False, loc="upper left", ncols=3)
plt.show()

# %%
# Against simpler ways
# --------------------
# All methods on the same folds, in negative log-likelihood, which asks that the intervals be
# right as well; ``metric="crps"``, ``"rmse"``, ``"mae"`` and ``"r2"`` draw the others.

ExpertComparisonDisplay.from_estimator(fused, X, y, n_repeats=1)
plt.show()
