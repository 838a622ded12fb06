"""``logitprod probe``: which encoder, or all of them, from folders of features."""

from __future__ import annotations

import sys
import textwrap
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import sklearn
from joblib import Memory
from sklearn.base import clone

from sklearn_logitprod._progress import Progress
from sklearn_logitprod._text import WIDTH, brief, option, plain
from sklearn_logitprod._version import __version__
from sklearn_logitprod.cli.by import check_by_column, subgroups
from sklearn_logitprod.cli.files import (
    check_comparison,
    check_targets,
    estimator_for,
    named,
    written,
)
from sklearn_logitprod.cli.fit import experts_lines
from sklearn_logitprod.cli.model import Saved, save, skops_io
from sklearn_logitprod.cli.slides import (
    EMBEDDINGS,
    INNER_FOLDS,
    features_of,
    head_of,
    heads_on,
    how_read,
    read_slides,
)
from sklearn_logitprod.cli.tasks import WORDS
from sklearn_logitprod.experts import on_all_views
from sklearn_logitprod.experts.naming import name_experts
from sklearn_logitprod.inspection import compare
from sklearn_logitprod.inspection._draw import pyplot
from sklearn_logitprod.inspection._setting import setting_of
from sklearn_logitprod.inspection._split import check_names
from sklearn_logitprod.inspection._tasks import TASKS
from sklearn_logitprod.io._encoders import named_encoders
from sklearn_logitprod.targets.weights import check_groups

CONCATENATED = "concatenated features"
# of a class: one to test, one to hold out within the rest, one to fit on
_LEAST = 3
# a panel of labels has no default head
_WORDS = [words for words in WORDS.values() if not words.several]
# what is cached of a fit, by the names of the functions
_FITS = {"_fit", "_fit_ask", "fit_rival"}


_READING = """
<p>Each encoder has a head of its own, linear in its features, with a ridge penalty chosen within
the training part. What the simpler methods and LogitProd combine are out-of-fold predictions of
these heads within the training part; the heads are then fitted on all of it. <em>Concatenated
features</em> is one such head on the features of all encoders, where those of an encoder that a
slide lacks are set to their mean over the training part; <em>fit, s</em> is the mean time of a
fit, for LogitProd with all heads.</p>
"""


def run(args):
    """Read, compare, print; write table, report and model if wanted."""
    check_targets(args, "out", "report", "save")
    if args.save:
        skops_io()
    if args.report:
        pyplot()
    check_by_column(args)
    names = list(named_encoders(named(args.files)))
    _check(args, names)
    features = features_of(args.features, names)
    embeddings = read_slides(
        args, group=args.group, pool=args.pool, features=features, average=args.average
    )
    by = subgroups(args, [args.labels], embeddings.ids, args.average)
    _check_enough(embeddings, args.cv)
    _check_classes(embeddings, args.classes)
    with _cached(args.cache) as memory:
        estimator = probe_estimator(embeddings, args, memory)
        rivals = {CONCATENATED: on_all_views(head_of(embeddings.task_name, args.seed))}
        rivals = rivals if len(embeddings.encoders) > 1 else {}
        before = n_fits(memory)
        table = compare(
            estimator,
            embeddings,
            rivals=rivals,
            by=by,
            metrics=args.metrics,
            ordered=args.ordered,
            cv=args.cv,
            n_repeats=args.repeats,
            n_resamples=args.resamples,
            random_state=args.seed,
            n_jobs=args.jobs,
            verbose=0 if args.quiet else 1,
        )
        heads = heads_line(table, estimator, n_fits(memory) - before)
        if args.out:
            with written(args.out) as path:
                table.to_csv(path)
        print(f"{table}\n\n{textwrap.fill(heads, WIDTH)}")
        if args.report:
            from sklearn_logitprod.report.study import Study
            from sklearn_logitprod.report.write import report

            study = Study(
                setting_of(estimator, coded(embeddings)),
                table,
                "encoders",
                facts=[*facts(embeddings, args), ("fits", heads)],
                reading=_READING,
            )
            with written(args.report) as path:
                path.write_text(report(study), encoding="utf-8")
            print(f"\nreport: {args.report}")
        if args.save:
            _save(args, estimator, embeddings, features)
    return 0


def _check(args, names):
    """Refuse, before any work, what cannot be compared."""
    task_name = _task_name(args)
    check_comparison(args)
    _, methods = TASKS[task_name].choose(args.metrics, True, args.ordered)
    check_names(names, methods, [CONCATENATED])
    name_experts(heads_on(names, task_name, args.seed))
    if args.cache is not None and Path(args.cache).is_file():
        raise ValueError(f"{option('memory', args.cache)} is a file: name a folder.")


def _check_enough(embeddings, cv):
    """Refuse classes, and numbers of patients, that splits within splits cannot divide."""
    units = np.arange(len(embeddings)) if embeddings.groups is None else embeddings.groups
    what = "slides" if embeddings.groups is None else "groups"
    n_units = len(np.unique(units))
    left = n_units - -(-n_units // cv)
    if left < INNER_FOLDS:
        raise ValueError(
            f"there are {n_units} {what}, of which {option('cv', cv)} leaves {left} to fit on, and "
            f"heads are fitted in {INNER_FOLDS} folds of these. Add slides."
        )
    for label in [] if embeddings.classes is None else embeddings.classes:
        n_own = len(np.unique(units[embeddings.y == label]))
        if len(embeddings.classes) > 1 and n_own < _LEAST:
            raise ValueError(
                f"class {plain(label)} has {n_own} {what} with features, but each split tests "
                f"some, and fits on others in folds: {_LEAST} at least are needed. Leave its rows "
                "out of the labels, or join it with another class."
            )


def _check_classes(embeddings, said):
    """Refuse grades that are others than the classes of the labels."""
    found = [] if embeddings.classes is None else [str(label) for label in embeddings.classes]
    if said and sorted(said) != sorted(found):
        raise ValueError(
            f"{option('classes', said)} is to name the classes from the lowest grade to the "
            f"highest, and these are {brief(found)}."
            if found
            else f"{option('classes', said)} is of classes, and here there are none."
        )


def _task_name(args):
    """Name of the task, of options that say what is true, and neither nothing nor too much."""
    said = [
        name for name in ("label", "target", "event", "time") if getattr(args, name) is not None
    ]
    if tuple(said) not in {words.asked for words in _WORDS}:
        every = ", or ".join(words.truth for words in _WORDS)
        raise ValueError(
            ("nothing says what is true" if not said else "what is true is said in part, or twice")
            + f": name the column of {option('labels')}, {every}."
        )
    return next(name for name, words in WORDS.items() if tuple(said) == words.asked)


def probe_estimator(embeddings, args, memory=None):
    """Unfitted fusion of a default head for each encoder.

    Parameters
    ----------
    embeddings : Embeddings
    args : Namespace
    memory : joblib.Memory, optional

    Returns
    -------
    LogitProdClassifier, LogitProdSurvival or LogitProdRegressor
    """
    experts = heads_on(embeddings.encoders, embeddings.task_name, args.seed)
    return estimator_for(embeddings, args).set_params(
        experts=experts, cv=INNER_FOLDS, memory=memory
    )


def coded(embeddings):
    """Embeddings with groups as numbers, as a comparison has them: its fits are then cached."""
    return replace(embeddings, groups=check_groups(embeddings.groups, len(embeddings)))


def facts(embeddings, args):
    """What the files hold, as pairs of text for the report."""
    for name, row in embeddings.counts.iterrows():
        text = f"{row['features']} features of {row['slides']} slides"
        if row["missing"]:
            text += f", missing on {row['missing']}"
        if row.get("patches", row["slides"]) > row["slides"]:
            text += (
                f", the {args.pool.replace('_std', ' and deviation')} of {row['patches']} patches"
            )
        if row.get("left_out", 0):
            text += f"; {row['left_out']} slides without a row of the labels are left out"
        yield f"encoder {name}", text
    left = embeddings.left_out.get("labels", 0)
    if left:
        yield "rows of the labels without features", f"{left}"


@contextmanager
def _cached(folder):
    """A cache of fits in a folder, or in one that is gone in the end."""
    # what other versions have fitted is not what these would
    own = f"logitprod-{__version__}-scikit-learn-{sklearn.__version__}-numpy-{np.__version__}"
    if folder is not None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        yield Memory(Path(folder) / own, verbose=0)
        return
    with TemporaryDirectory(prefix="logitprod-") as temporary:
        yield Memory(Path(temporary) / own, verbose=0)


def n_fits(memory):
    """How many fits a cache holds."""
    paths = [Path(item.path) for item in memory.store_backend.get_items()]
    # joblib before 1.4 has a second folder of a call that fits what it is given, without results
    return sum(bool(_FITS & set(path.parts)) and (path / "output.pkl").exists() for path in paths)


def heads_line(table, estimator, n_fitted):
    """How many heads were fitted in a comparison, and how many were in the cache.

    Parameters
    ----------
    table : DataFrame
        Of `compare`.
    estimator : BaseLogitProd
        As it was compared.
    n_fitted : int
        By which the cache has grown.
    """
    attrs = table.attrs
    n_rivals = INNER_FOLDS + 1 if TASKS[estimator.task_name].calibrated else 1
    each = len(estimator.experts) * (INNER_FOLDS + 1) + len(attrs["rivals"]) * n_rivals
    n_heads = sum(attrs["chosen"].values()) * each
    text = f"heads: {n_fitted} of {n_heads} fitted, {n_heads - n_fitted} from the cache."
    if attrs["rivals"] and n_fitted < n_heads:
        text += " What came from the cache is not in the time of LogitProd."
    return text


def _save(args, estimator, embeddings, features):
    """Fit on all slides, write, and say what came out."""
    progress = Progress(sys.stderr)
    if not args.quiet:
        progress(f"fitting on all {len(embeddings)} slides")
    own = coded(embeddings)
    model = clone(estimator).fit(own)
    progress.clear()
    # who predicts elsewhere has no such cache
    model.set_params(memory=None)
    saved = Saved(
        model,
        EMBEDDINGS,
        None,
        classes=args.classes,
        label=args.label,
        target=args.target,
        aggregate="mean" if args.average else None,
        group=args.group if args.average else None,
        embeddings=how_read(embeddings, args, features),
    )
    with written(args.save) as path:
        save(path, saved)
    print("\nfitted on all slides:")
    print("\n".join(experts_lines(model)))
    print(f"\nsaved to {args.save}")
