"""Saved fusions: skops files that hold what this package knows, and run nothing."""

from __future__ import annotations

from dataclasses import dataclass, fields

from sklearn_logitprod._version import __version__

TRUSTED = [
    "sklearn.utils._bunch.Bunch",
    *(
        f"sklearn_logitprod.{name}"
        for name in (
            "estimators.classifier.LogitProdClassifier",
            "estimators.multilabel.LogitProdMultilabelClassifier",
            "estimators.regressor.LogitProdRegressor",
            "estimators.survival.LogitProdSurvival",
            "experts.panel.LabelByLabel",
            "experts.views.ViewExpert",
            "fusion.extended.ExtendedPool",
            "fusion.family.Categorical",
            "fusion.features.Standardiser",
            "fusion.gaps.Gaps",
            "fusion.gate.Gate",
            "fusion.pool.Head",
            "fusion.pool.Pool",
            "fusion.risk.RiskModel",
            "fusion.safety.SafePool",
            "fusion.values.Gaussian",
            "fusion.values.ValueModel",
            "heads.cox.CoxHead",
            "heads.logistic.LogisticHead",
            "heads.ridge.RidgeHead",
            "outputs.overview.Overview",
            "search.classifier.LogitProdClassifierCV",
            "search.regressor.LogitProdRegressorCV",
            "search.survival.LogitProdSurvivalCV",
        )
    ),
]
"""Types that a model may hold beyond those that skops trusts, but for what experts are made of."""

_FORMAT = 1


@dataclass(frozen=True)
class Saved:
    """A fitted estimator, and how the files are to be read that it takes.

    Attributes
    ----------
    model : LogitProdClassifier, LogitProdSurvival or LogitProdRegressor
    input : str
        What the values of the files are.
    columns : dict of str to str, str or None
        Column of each class or time, or of the risk or predicted value, where it was said.
    positive : str or None
        Class of a column that stands alone, where it was said.
    classes : list of str or None
        Labels in the order of codes, where it was said.
    label : str or None
        Column of labels of the fit, whose name columns of outputs may hold.
    aggregate : str or None
        How slides became the patients of the fit; None where rows are taken as they are.
    group : str or None
        Column of these patients.
    target : str or None
        Column of true values of the fit, which holds no outputs elsewhere.
    std : dict of str to str, str or None
        Column of standard deviations, of all experts or of each.
    embeddings : dict or None
        Of a model that takes features of slides: the width of each encoder, how patches are
        pooled, which arrays were read, and what the features were like.
    """

    model: object
    input: str
    columns: dict | list | str | None
    positive: str | None = None
    classes: list | None = None
    label: str | None = None
    aggregate: str | None = None
    group: str | None = None
    target: str | None = None
    std: dict | str | None = None
    embeddings: dict | None = None


def save(path, saved):
    """Write a fitted estimator.

    Parameters
    ----------
    path : path
    saved : Saved
    """
    skops_io().dump({"format": _FORMAT, "version": __version__, **vars(saved)}, path)


def load(path):
    """Read what `save` wrote.

    Parameters
    ----------
    path : path

    Returns
    -------
    Saved

    Raises
    ------
    ValueError
        If the file is none of these, or holds types that no such model needs.
    """
    skops = skops_io()
    try:
        unknown = sorted(set(skops.get_untrusted_types(file=path)) - set(TRUSTED))
    except OSError:
        raise
    except Exception as error:
        # whatever a damaged archive makes the reader stumble over
        raise ValueError(
            f"{path} is not a model that `logitprod fit` saved ({type(error).__name__}: {error})."
        ) from error
    if unknown:
        raise ValueError(
            f"{path} holds {', '.join(unknown[:3])}, which no model of this package needs: it is "
            "not opened. Fit the model again, or ask where the file comes from."
        )
    content = skops.load(path, trusted=TRUSTED)
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise ValueError(
            f"{path} is not a model that `logitprod fit` of this version saved. Fit it again."
        )
    # models of earlier versions lack some of these
    return Saved(**{field.name: content.get(field.name) for field in fields(Saved)})


def skops_io():
    """The module that writes and reads models, or an error that says how to get it."""
    try:
        import skops.io
    except ImportError as error:
        raise ImportError("models are saved with skops: python -m pip install skops.") from error
    return skops.io
