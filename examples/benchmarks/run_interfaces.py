"""What docs/interfaces.rst shows, run: models of AutoGluon, fused from its dict of frames.

    python -m pip install autogluon.tabular
    python examples/benchmarks/run_interfaces.py

Cytology of scikit-learn (569 samples), half of it to train the models and to fit the fusions on
what AutoGluon holds out of that half, the other half to test; three repeats.
"""

import logging
import os
import tempfile
import warnings

import numpy as np
import pandas as pd
from autogluon.tabular import TabularPredictor, __version__
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from sklearn_logitprod import LogitProdClassifier
from sklearn_logitprod.interfaces import LogitProdEnsembler

MODELS = {"RF": {}, "XT": {}, "KNN": {}, "LR": {}}


def repeat(seed):
    """Log-losses of one repeat: best model, AutoGluon's ensemble, LogitProd by both doors."""
    data = load_breast_cancer(as_frame=True)
    frame = data.data.assign(label=data.target_names[data.target])
    train, test = train_test_split(frame, test_size=0.5, random_state=seed, stratify=frame["label"])
    with tempfile.TemporaryDirectory() as folder:
        predictor = TabularPredictor("label", path=folder, eval_metric="log_loss", verbosity=0)
        predictor.fit(train, hyperparameters=MODELS, num_bag_folds=5, num_stack_levels=0)
        models = [name for name in predictor.model_names() if "Ensemble_L" not in name]
        # without data: what each model says of the samples that it was not trained on
        held_out = predictor.predict_proba_multi(models=models)
        new = predictor.predict_proba_multi(test, models=models)
        ensemble = predictor.predict_proba(test)

    y = train["label"].loc[held_out[models[0]].index]
    model = LogitProdClassifier(input="proba", random_state=0).fit(held_out, y)
    fused = model.predict_proba(new)

    labels = sorted(set(y))
    second = labels[1]
    ensembler = LogitProdEnsembler(problem_type="binary", random_state=0)
    ensembler.fit(
        predictions=np.stack([held_out[name][second] for name in models]), labels=y == second
    )
    by_ensembler = ensembler.predict_proba(np.stack([new[name][second] for name in models]))
    apart = np.abs(by_ensembler - fused[:, 1]).max()

    truth = test["label"]
    # the best model is the best on what was held out
    best = min(models, key=lambda name: log_loss(y, held_out[name][labels], labels=labels))
    return {
        "best model": log_loss(truth, new[best][labels], labels=labels),
        "AutoGluon's ensemble": log_loss(truth, ensemble[labels], labels=labels),
        "LogitProd": log_loss(truth, fused, labels=labels),
        "ensembler, largest difference": apart,
    }


def main():
    """Print the mean log-losses."""
    # processes that AutoGluon starts warn, too
    os.environ["PYTHONWARNINGS"] = "ignore"
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    table = pd.DataFrame([repeat(seed) for seed in range(3)])
    print(f"autogluon.tabular {__version__}, models {', '.join(MODELS)}, log-loss on the test half")
    print(table.round(4).to_string())
    print(table.mean().rename("mean").round(4).to_string())


if __name__ == "__main__":
    main()
