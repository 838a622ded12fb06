"""The statistics of the benchmarks, which no one else checks."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

sys.path.insert(0, str(Path(__file__).parents[1] / "examples" / "benchmarks"))

import bench_quality
import significance


def test_corrected_t_test_widens_the_plain_one():
    differences = np.random.default_rng(0).normal(0.3, 1.0, 25)
    plain = ttest_1samp(differences, 0.0).pvalue
    assert significance.corrected_t_test(differences, 0.0) == pytest.approx(plain)
    # 1 / 25 + 1 / 4 in place of 1 / 25: the statistic shrinks by the root of 7.25
    from scipy.stats import t

    statistic = ttest_1samp(differences, 0.0).statistic / np.sqrt(7.25)
    expected = 2 * t.sf(abs(statistic), 24)
    assert significance.corrected_t_test(differences, 0.25) == pytest.approx(expected)
    assert significance.corrected_t_test(np.zeros(5), 0.25) == 1.0
    assert significance.corrected_t_test(np.ones(5), 0.25) == 0.0


def make_results(loss_of_ours):
    rng = np.random.default_rng(0)
    rows = []
    for task in ("a", "b"):
        for repeat in range(5):
            for fold in range(5):
                for method in bench_quality.METHODS:
                    loss = 0.5 + 0.01 * rng.normal()
                    if method == bench_quality.OURS:
                        loss = loss_of_ours + 0.01 * rng.normal()
                    scores = {"log-loss": loss, "AUC": 1.0 - loss, "seconds": 1.0, "gap": -0.1}
                    sizes = {"n_fit": 80, "n_test": 20}
                    key = {"task": task, "repeat": repeat, "split": f"0/{fold}", "method": method}
                    rows.append(key | scores | sizes)
    return bench_quality.by_split(pd.DataFrame(rows))


def test_targets_tell_a_good_method_from_a_bad_one():
    good = {what: met for what, _, met in bench_quality.targets(make_results(0.4))}
    assert all(good.values())
    bad = {what: met for what, _, met in bench_quality.targets(make_results(0.6))}
    assert not bad["mean rank in log-loss, the lowest"]
    assert not bad["tasks significantly worse than the single expert, log-loss"]
    assert not bad["tasks significantly worse than the single expert, AUC"]
