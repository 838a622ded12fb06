"""A comparison as one self-contained page."""

from __future__ import annotations

import os
import platform
from html import escape
from pathlib import Path
from typing import Any

import sklearn
from numpy.typing import ArrayLike

from sklearn_logitprod import _html
from sklearn_logitprod._text import brief
from sklearn_logitprod._version import __version__
from sklearn_logitprod.inspection import ComparisonResult
from sklearn_logitprod.inspection._draw import LOSS_WORDS, METRIC_LABELS, pyplot
from sklearn_logitprod.inspection._setting import setting_of
from sklearn_logitprod.inspection._shown import claims_html, subgroups_html, table_html
from sklearn_logitprod.inspection._table import check_table
from sklearn_logitprod.inspection._words import said_of, verdict
from sklearn_logitprod.report import figures
from sklearn_logitprod.report.clinical import calibration, decisions
from sklearn_logitprod.report.page import Sections, block, facts, page, table
from sklearn_logitprod.report.study import Study
from sklearn_logitprod.report.tasks import WORDS
from sklearn_logitprod.report.tripod import checklist

_READING = """
<p>Every method is fitted on the training part of each fold and scored on the rest. <em>Best
expert</em> is the expert of the lowest {loss} on the training part, chosen anew in each split:
what one would have picked without fusing. Differences are means to it, sample by sample. Intervals
and p-values come from resampling samples (or groups) and say how sure a difference is on samples
like these, not on those of another site. <em>Holm</em> says that p is corrected for the number of
rows. Choosing the best row makes its figure a little too good; the difference to the best simple
method, its interval and its p take account of that.</p>
<p>Weights say what the fused product is made of, not how good an expert is: experts that say the
same share their weight in any proportion.</p>
"""
_SUBGROUPS = (
    "LogitProd in each subgroup, on the same splits as above; the fusion knows nothing of the "
    "subgroups. p is corrected for their number. Many subgroups differ by chance: intervals that "
    "overlap tell nothing apart."
)
_GAPS = (
    "Where an expert is missing, LogitProd weighs those that are there; an expert alone is "
    "replaced by the mean of those present. Samples with gaps may differ in other ways, too."
)
_HOW = (
    "a weighted product of the experts' distributions (logarithmic opinion pool), with weights "
    "that may depend on the sample, all shrunk to equal weights; how far is chosen on the samples "
    "of the fit"
)


def write_report(
    path: str | os.PathLike,
    table: ComparisonResult,
    estimator_or_outputs: Any,
    X: Any = None,
    y: ArrayLike | None = None,
    *,
    groups: ArrayLike | None = None,
) -> None:
    """Write a comparison as one HTML page that needs nothing else.

    It holds the table with its intervals, figures, subgroups (``by`` of `compare`), samples with
    missing experts, calibration, decision curves, the model and how it is used, and a list of what
    TRIPOD+AI [1]_ asks for, each where the data have it. Calibration and decision curves are of
    held-out predictions on the folds of the first repeat, for which the estimator is fitted again.

    Parameters
    ----------
    path : path-like
        A file that is there is overwritten.
    table : ComparisonResult
        Of `compare`.
    estimator_or_outputs, X, y, groups : object
        What `compare` was given.

    Raises
    ------
    ValueError
        If the table is not of these samples and experts, or of a panel of labels, or the file
        cannot be a page.
    TypeError
        If `path` is none, or the estimator none of ours.
    ImportError
        If matplotlib is absent.

    See Also
    --------
    sklearn_logitprod.inspection.compare : Makes the table.

    References
    ----------
    .. [1] Collins et al., "TRIPOD+AI statement: updated guidance for reporting clinical prediction
       models that use regression or machine learning methods", BMJ 385, e078378, 2024.

    Examples
    --------
    >>> from sklearn_logitprod.inspection import compare
    >>> from sklearn_logitprod.report import write_report
    >>> table = compare(outputs, by=sites)  # doctest: +SKIP
    >>> write_report("report.html", table, outputs)  # doctest: +SKIP
    """
    check_page(path)
    pyplot()
    check_table(table)
    setting = setting_of(estimator_or_outputs, X, y, groups)
    study = Study(setting, table)
    Path(path).write_text(report(study), encoding="utf-8")


def report(study):
    """The page as HTML; text from files is escaped.

    Parameters
    ----------
    study : Study

    Returns
    -------
    str
    """
    shown, attrs = study.table, study.attrs
    if shown.index.nlevels > 1:
        raise ValueError("a report is of one label: write the table of a panel to a file instead.")
    _check_same(study)
    words = WORDS[study.setting.estimator.task_name]
    sections = Sections()
    _results(sections, study)
    if attrs["by"] is not None:
        name = attrs["by"]["name"]
        made = subgroups_html(attrs["by"], shown, f"Subgroups by {name}")
        sections.add("by", f"Subgroups by {name}", block(made), _html.paragraph(_SUBGROUPS))
    if attrs["gaps"] is not None:
        sections.add("gaps", "Missing experts", *_gaps(study))
    title, plot = words.agreement(study)
    problems = words.problems(study)
    sections.add(
        "calibration", f"Calibration: {title[0].lower()}{title[1:]}", plot, calibration(problems)
    )
    sections.add("decisions", "Net benefit of decisions", decisions(problems, attrs))
    by = words.boxes(study)
    sections.add("weights", "Weights of the experts", figures.weights(study, by, words.by))
    sections.add("data", "The data", facts(_data(study, words), "The data"))
    sections.add("model", "The model", facts(_model(study), "The model"))
    sections.add("use", "How to use it", *_use(study, words))
    own = _READING.format(loss=LOSS_WORDS[attrs["difference"]])
    sections.add("reading", "How to read this", own, study.reading)
    sections.add("tripod", "What TRIPOD+AI asks for", checklist(sections.titles))
    n_experts = len(study.experts)
    warnings = _html.bullets(f"Warning: {text}" for text in attrs["warnings"])
    return page(
        f"Comparison of {n_experts} {study.what}",
        [
            f'<p class="verdict">{escape(verdict(shown))}</p>',
            f"<p>{escape(' '.join(said_of(shown)))}</p>",
            warnings,
            sections.contents(),
            *sections.parts,
            f'<p class="soft">{escape(_settings(study))}</p>',
        ],
    )


def check_page(path):
    """Refuse, before any work, to write a page where none can be.

    Parameters
    ----------
    path : path-like
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path is {type(path).__name__}: name a file, such as 'report.html'.")
    own = Path(path)
    if own.name and own.suffix.lower() != ".html":
        raise ValueError(f"{own} would be a page: call it such as {own}.html.")
    if own.is_dir() or not own.absolute().parent.is_dir():
        raise ValueError(f"{own} cannot be written: it is a folder, or its own folder is absent.")


def _check_same(study):
    """Refuse samples, experts or outcomes that the table is not of."""
    setting, attrs = study.setting, study.attrs
    n_samples = len(setting.target.strata)
    if attrs["n_rows"] != n_samples:
        raise ValueError(
            f"the table is of {attrs['n_rows']} samples, and here are {n_samples}. Pass what "
            "`compare` was given."
        )
    known = setting.task.scores | setting.task.graded
    unknown = [name for name in attrs["metrics"] if name not in known]
    absent = [name for name in attrs["kinds"] if name not in study.table.index]
    if unknown or absent:
        what = f"is scored by {brief(unknown)}" if unknown else f"lacks {brief(absent)}"
        raise ValueError(
            f"the table {what}: it is of another estimator, or a part of a table. Pass what "
            "`compare` was given and returned."
        )
    names = getattr(study.model, "best_estimator_", study.model).expert_names_
    if sorted(names) != sorted(study.experts):
        raise ValueError(
            f"the table is of the experts {brief(study.experts)}, and here are {brief(names)}. "
            "Pass what `compare` was given."
        )


def _results(sections, study):
    """Tables of all methods and of the claims, and their figures."""
    shown, attrs = study.table, study.attrs
    first, judged = attrs["metrics"][0], attrs["judged_by"]
    sections.add(
        "methods",
        "All methods",
        block(table_html(shown)),
        figures.forest(
            study,
            "plot-scores",
            first,
            f"{METRIC_LABELS[first]} of all methods",
            "Mean over repeats with 95 % interval; the dotted line is the best expert.",
        ),
    )
    metric = f"{judged}_difference" if judged in attrs["metrics"] else "difference"
    said = METRIC_LABELS[judged]
    sections.add(
        "differences",
        "LogitProd beside the best",
        block(claims_html(shown)),
        figures.forest(
            study,
            "plot-differences",
            metric,
            f"Difference in {said} to the best expert, of all methods",
            f"Difference in {said} to the best expert. Paired by sample, so that these intervals "
            "are narrower than those above.",
        ),
    )


def _gaps(study):
    """How often each expert is missing, and how methods fare with and without gaps."""
    gaps, n_samples = study.attrs["gaps"], study.attrs["n_samples"]
    rows = [
        [_html.head(name), _html.cell(str(n)), _html.cell(f"{100.0 * n / n_samples:.3g} %")]
        for name, n in gaps["missing"].items()
    ]
    yield table(["expert", "samples without it", "share"], rows, label="Missing experts")
    yield block(subgroups_html(gaps, study.table, "Samples with and without gaps"))
    yield _html.paragraph(_GAPS)


def _data(study, words):
    yield "samples", f"{len(study.setting.target.strata)}"
    if study.made is not None:
        yield "made of the files", study.made
    groups = study.setting.groups
    if groups is not None:
        yield "groups of dependent samples", f"{len(set(groups.tolist()))}"
    yield from words.outcome(study)
    yield from study.facts
    missing = (study.attrs["gaps"] or {"missing": {}})["missing"]
    for name in study.experts:
        yield f"expert {name}", f"missing on {missing.get(name, 0)} samples"


def _model(study):
    model, own = study.model, study.setting.estimator
    names = ", ".join(study.experts)
    yield "what is fused", f"predictions of {len(study.experts)} fixed {study.what}: {names}"
    yield "how", _HOW
    yield "parameters", " ".join(repr(own).split())
    final = getattr(model, "best_estimator_", model)
    losses = final.reference_losses_
    yield (
        f"{LOSS_WORDS[study.attrs['difference']]} on all samples, which it was fitted on",
        (f"{final.loss_:.4f}; the best of the experts and their means has {losses.min():.4f}"),
    )
    weights = final.expert_weights(study.setting.X).mean(axis=0)
    named = zip(final.expert_names_, weights, strict=True)
    yield "mean weights", ", ".join(f"{name} {own:.2f}" for name, own in named)
    yield "software", _software()


def _use(study, words):
    """What the model takes and gives, and the lines that make it do so."""
    final = getattr(study.model, "best_estimator_", study.model)
    yield _html.paragraph(
        f"For a new sample the model takes predictions of {', '.join(final.expert_names_)} in "
        f"the form that they have here, and gives {words.answer}. It is fitted on all samples of "
        "this report; the figures above are those of fits on a part of them. Where an expert is "
        "missing for a sample, the others are weighed for it; with none there is no prediction."
    )
    lines = [
        "model = estimator.fit(X, y)  # estimator: see the parameters above",
        words.calls,
        "model.expert_weights(X_new)  # whom it trusts, sample by sample",
    ]
    code = "\n".join(lines)
    yield f'<pre role="region" tabindex="0" aria-label="Code">{escape(code)}</pre>'
    yield _html.paragraph(
        "On files: logitprod fit EXPERT.csv ... --save model.skops, then logitprod predict "
        "model.skops EXPERT.csv ... --out predictions.csv. At another site look at calibration "
        "first: logitprod adapt sets it by a few samples with known outcomes."
    )


def _software():
    return (
        f"sklearn_logitprod {__version__}, scikit-learn {sklearn.__version__}, Python "
        f"{platform.python_version()}"
    )


def _settings(study):
    attrs = study.attrs
    return (
        f"{attrs['n_repeats']} x {attrs['n_folds']} folds, {attrs['n_resamples']} resamples, seed "
        f"{attrs['random_state']}; {_software()}"
    )
