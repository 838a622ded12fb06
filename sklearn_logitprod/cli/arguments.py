"""Arguments of the commands; nothing else, so that help needs no imports."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping

from sklearn_logitprod._text import brief, keyword

_MAX_SEED = 2**32 - 1
_INPUTS = ("proba", "logits", "risk", "survival", "hazard_logits", "mean", "mean_std")
_AGGREGATES = ("mean", "logit-mean", "max", "noisy-or")
_LAYOUTS = ("tables", "logitprod", "clam", "stamp", "mcat", "nnmil", "slideflow")

# settings that are called otherwise in Python
_FLAGS = {
    "columns": "column",
    "gate_width": "gate",
    "memory": "cache",
    "value": "target",
    "groups": "group",
    "n_jobs": "jobs",
    "n_repeats": "repeats",
    "n_resamples": "resamples",
    "random_state": "seed",
    "share": "safety",
}

_COMPARE_EXAMPLES = """\
examples:
  logitprod compare uni.csv conch.csv virchow2.csv --label tumour --group patient
  logitprod compare a=run1/preds.csv b=run2/preds.parquet --label y --report report.html
  logitprod compare a.csv b.csv --input risk --event dead --time months
  logitprod compare a.csv b.csv --target age --std uncertainty
  logitprod compare uni.csv other.csv --label msi --positive MSI-H --column other:MSI-H=score
  logitprod compare uni='folds/uni_*.csv' conch='folds/conch_*.csv' --label y
  logitprod compare all_models.csv --expert model --label y
  logitprod compare uni.csv conch.csv --label tumour --group patient --aggregate mean
  logitprod compare results/uni results/conch --layout clam --split 2
  logitprod compare uni.csv conch.csv --labels TP53,KRAS,EGFR --truth mutations.csv"""

_FIT_EXAMPLES = """\
examples:
  logitprod fit uni.csv conch.csv --label tumour --group patient -o model.skops
  logitprod predict model.skops new/uni.csv new/conch.csv -o predictions.csv

Fit on samples that are new to the experts, such as their validation set."""

_PREDICT_EXAMPLES = """\
examples:
  logitprod predict model.skops uni.csv conch.csv -o predictions.csv
  logitprod predict model.skops uni=a.csv conch=b.csv -o predictions.csv --weights
  logitprod predict model.skops uni.csv conch.csv --aggregate mean --group patient -o patients.csv

Experts are matched by name: the file's name without extensions, or NAME=PATH."""

_ADAPT_EXAMPLES = """\
examples:
  logitprod adapt model.skops uni.csv conch.csv --label tumour -o adapted.skops
  logitprod adapt model.skops uni.csv conch.csv -o adapted.skops
  logitprod adapt model.skops --prior normal=0.97,tumour=0.03 -o adapted.skops
  logitprod adapt model.skops --safety 0.05 -o safe.skops

A few labelled samples of the new site set sharpness and class bias. Without labels only the
prevalence of the classes is adapted: --prior says it, or else it is estimated from the files."""

_EXTEND_EXAMPLES = """\
examples:
  logitprod extend model.skops uni.csv conch.csv virchow2.csv --label tumour -o larger.skops
  logitprod extend model.skops uni=a.csv conch=b.csv new=c.csv --label tumour -o larger.skops
  logitprod extend probed.skops uni=feats/uni new=feats/new --labels labels.csv --label tumour \\
      -o larger.skops

Files of experts that the model has are matched by name, all others are new. The files of the
model's own fit are not needed: any labelled samples will do that are new to the experts."""

_CERTIFY_EXAMPLES = """\
examples:
  logitprod certify safe.skops uni.csv conch.csv --label tumour --group patient
  logitprod certify model.skops uni.csv conch.csv --label tumour --safety 0.05
  logitprod certify safe.skops uni.csv conch.csv --label tumour --reference uni -o certificate.csv

Take samples that were used for nothing else: not for experts, fit, adapt or extend."""


def option_writer(args):
    """How messages write settings for the user of a command: see ``_text.option``.

    Parameters
    ----------
    args : Namespace
        Parsed arguments; a setting that the command lacks is written as in Python, and said
        to be there.

    Returns
    -------
    callable
    """
    known = set(vars(args))

    def write(name, value=...):
        if name == "classes" and "model" in known and value is not ...:
            return f"the model's classes {brief(value)}"
        flag = _FLAGS.get(name, name)
        if flag not in known:
            return f"{keyword(name, value)} in Python"
        flag = f"--{flag.replace('_', '-')}"
        if value is ... or value is True:
            return flag
        return " ".join(f"{flag} {shlex.quote(text)}" for text in _texts(value))

    return write


def _texts(value):
    """A value as the arguments of its option, given once for each."""
    if isinstance(value, Mapping):
        return [f"{key}={one}" for key, one in value.items()]
    if isinstance(value, (list, tuple)):
        return [",".join(map(str, value))]
    return ["none" if value is None else str(value)]


def demo(parser, run):
    """Arguments of ``demo``."""
    parser.description += " Takes seconds; needs no files."
    parser.add_argument(
        "--data",
        choices=("digits", "cytology", "all"),
        default="all",
        help="handwritten digits (10 classes), breast cytology (2), or both (default)",
    )
    files_help = "also write what experts see and say as files, to try other commands on"
    parser.add_argument("--files", metavar="FOLDER", help=files_help)
    _add_seed(parser, "splits, experts and fusion")
    parser.set_defaults(run=run)


def compare(parser, run):
    """Arguments of ``compare``."""
    parser.epilog = _COMPARE_EXAMPLES
    _add_files(parser)
    _add_gate(parser)
    own = parser.add_argument_group("comparison")
    own.add_argument("--metrics", type=_names, metavar="A,B", help="default: all there are")
    own.add_argument(
        "--ordered",
        action="store_true",
        help="the classes are grades, numbers or in the order of --classes: score them as such",
    )
    own.add_argument("--by", metavar="COLUMN", help="score each of its values, too, such as sites")
    own.add_argument("--cv", type=int, default=5, metavar="K", help="folds (default: 5)")
    own.add_argument(
        "--repeats", type=int, default=5, metavar="N", help="of the folds (default: 5)"
    )
    own.add_argument(
        "--resamples", type=int, default=2000, metavar="N", help="of the bootstrap (default: 2000)"
    )
    own.add_argument("--jobs", type=int, metavar="N", help="splits at a time (default: 1)")
    _add_seed(own, "splits, bootstrap and fusion")
    out = _add_output(parser)
    out.add_argument("-o", "--out", metavar="CSV", help="write the whole table")
    out.add_argument("--report", metavar="HTML", help="write a page with table and figures")
    parser.set_defaults(run=run)


def fit(parser, run):
    """Arguments of ``fit``."""
    parser.epilog = _FIT_EXAMPLES
    _add_files(parser)
    _add_gate(parser)
    _add_seed(parser, "the fit")
    out = _add_output(parser)
    out.add_argument(
        "-o", "--save", metavar="SKOPS", required=True, help="file of the fitted model"
    )
    parser.set_defaults(run=run)


def predict(parser, run):
    """Arguments of ``predict``."""
    parser.epilog = _PREDICT_EXAMPLES
    _add_model(parser)
    parser.add_argument("--group", help="column of patients, for --aggregate")
    out = _add_output(parser)
    out.add_argument("-o", "--out", metavar="CSV", required=True, help="file of the predictions")
    out.add_argument("--weights", action="store_true", help="write the experts' weights, too")
    out.add_argument(
        "--decision",
        choices=("mode", "median"),
        help="what is predicted: the most probable class, or the median of grades that are numbers "
        "or in the order of --classes of the fit (default: as the model says)",
    )
    parser.set_defaults(run=run)


def adapt(parser, run):
    """Arguments of ``adapt``."""
    parser.epilog = _ADAPT_EXAMPLES
    # none are needed where --prior or --safety say it all
    _add_model(parser).required = False
    own = parser.add_argument_group("the new site")
    _add_truth(own)
    own.add_argument(
        "--prior",
        type=_shares,
        metavar="A=P,B=Q",
        help="prevalence of each class there, in place of files",
    )
    _add_safety(own, "mix a little of a reference in")
    out = _add_output(parser)
    out.add_argument(
        "-o", "--save", metavar="SKOPS", required=True, help="file of the adapted model"
    )
    parser.set_defaults(run=run)


def extend(parser, run):
    """Arguments of ``extend``."""
    parser.epilog = _EXTEND_EXAMPLES
    _add_model(parser)
    _add_truth(parser.add_argument_group("what the files hold"))
    out = _add_output(parser)
    out.add_argument(
        "-o", "--save", metavar="SKOPS", required=True, help="file of the larger model"
    )
    parser.set_defaults(run=run)


def certify(parser, run):
    """Arguments of ``certify``."""
    parser.epilog = _CERTIFY_EXAMPLES
    _add_model(parser)
    _add_truth(parser.add_argument_group("what the files hold"))
    own = parser.add_argument_group("certificate")
    own.add_argument(
        "--reference",
        type=_names,
        metavar="A,B",
        help="what the model is compared with: experts, 'mean of logits', 'mean of probabilities' "
        "(default: all of them)",
    )
    own.add_argument(
        "--level",
        type=_fraction,
        default=0.95,
        metavar="P",
        help="how sure the certificate has to be (default: %(default)s)",
    )
    _add_safety(own, "if the model has no safety, certify it with one: a little of a reference")
    out = _add_output(parser)
    out.add_argument("-o", "--out", metavar="CSV", help="write the table")
    out.add_argument("--report", metavar="HTML", help="write a page with the certificate")
    parser.set_defaults(run=run)


def _add_model(parser):
    """A saved model and files that it takes; gives the argument of the files."""
    parser.add_argument("model", help="file that `fit` or `probe` saved, or `adapt` or `extend`")
    files = parser.add_argument(
        "files", nargs="+", metavar="FILE", help="one table per expert, or as `fit` took them"
    )
    parser.add_argument("--id", default="slide_id", help="column of identifiers (%(default)s)")
    parser.add_argument(
        "--how",
        choices=("inner", "outer"),
        default="inner",
        help="keep samples that are in all files (default), or all of them; with outer the file "
        "of an expert may be left out",
    )
    _add_tables(parser)
    parser.add_argument(
        "--labels",
        metavar="TABLE",
        help="of a model that `probe` saved: table of the slides, with the columns that are named",
    )
    parser.add_argument(
        "--aggregate",
        choices=(*_AGGREGATES, "none"),
        help="of a model fitted on slides, by predict: predictions of patients (--group). A model "
        "fitted on patients makes them of new slides by itself; none: rows are patients already",
    )
    return files


def _add_truth(parser):
    parser.add_argument("--label", help="column of class labels")
    parser.add_argument("--group", help="column of groups of dependent samples, such as patients")
    parser.add_argument("--event", help="for survival: column of events (1) and censoring (0)")
    parser.add_argument("--time", help="for survival: column of times")
    parser.add_argument("--target", help="for regression: column of true values, such as ages")


def _add_panel(parser):
    parser.add_argument(
        "--labels",
        type=_names,
        metavar="A,B",
        help="of a panel: names of its labels, of each of which every table has a column",
    )
    parser.add_argument(
        "--truth",
        metavar="FILE",
        help="of a panel: table with a column of 0 and 1 for each label, empty where not tested",
    )


def _add_safety(parser, what):
    parser.add_argument(
        "--safety",
        type=_safety,
        metavar="[NAME=]SHARE",
        help=f"{what}, such as 0.05, so that it is never much worse than that: an expert or mean, "
        "by default all of them alike",
    )


def _add_files(parser):
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="one table per expert (CSV, TSV, Parquet, Feather, JSON lines, Excel, npz), as PATH "
        "or NAME=PATH, or NAME='PATTERN' for its folds; one table of all experts; a results "
        "folder per expert with --layout clam, stamp, mcat, nnmil or slideflow; one folder with "
        "--layout logitprod",
    )
    own = parser.add_argument_group("what the files hold")
    own.add_argument(
        "--input",
        choices=_INPUTS,
        help="default: proba; mean with --target, mean_std with --std, too; of layouts their own",
    )
    own.add_argument("--id", default="slide_id", help="column of identifiers (%(default)s)")
    _add_truth(own)
    _add_panel(own)
    own.add_argument(
        "--how",
        choices=("inner", "outer"),
        default="inner",
        help="keep samples that are in all files (default), or all of them with a label",
    )
    own.add_argument(
        "--aggregate",
        choices=_AGGREGATES,
        help="make one row of each patient (--group), whose slides have one label: the mean of "
        "probabilities (or risks, values) or of log-probabilities, the slide where the positive "
        "class or the risk is highest, or positive unless no slide is",
    )
    _add_tables(own)
    own.add_argument("--layout", choices=_LAYOUTS, default="tables", help="default: tables")
    own.add_argument(
        "--split",
        type=_number_or("none", None),
        default=0,
        metavar="K",
        help="of a layout, default: 0; none for a deployment of STAMP",
    )
    own.add_argument(
        "--checkpoint",
        type=_number_or("mean", "mean"),
        metavar="I",
        help="of several that STAMP deployed: the number of one, or mean",
    )
    own.add_argument(
        "--level",
        choices=("slide", "patient"),
        default="slide",
        help="of Slideflow: what a row is of (default: slide)",
    )
    own.add_argument(
        "--classes",
        type=_names,
        metavar="A,B",
        help="labels of the codes 0, 1 ... of columns; of grades from the lowest to the highest",
    )


def _add_tables(parser):
    parser.add_argument(
        "--column",
        action="append",
        metavar="[EXPERT:]LABEL=COLUMN",
        help="column of a class (or time), where names do not tell, once for each, of all experts "
        "or of one; of a risk or a predicted value [EXPERT:]COLUMN",
    )
    parser.add_argument(
        "--std",
        action="append",
        metavar="[EXPERT:]COLUMN",
        help="for regression: column of standard deviations, of all experts or once for each",
    )
    parser.add_argument(
        "--positive",
        metavar="LABEL",
        help="class of a column of outputs that stands alone and whose name does not say, and the "
        "one that --aggregate max and noisy-or look for",
    )
    parser.add_argument(
        "--expert", metavar="COLUMN", help="of a long table: the column that names the experts"
    )
    parser.add_argument(
        "--average",
        action="store_true",
        help="take the mean over rows of one identifier; else they are an error",
    )
    parser.add_argument(
        "--id-strip",
        metavar="A,B",
        help="what does not count in identifiers: folder, suffix (.svs, .h5 ...), zeros",
    )


def _add_gate(parser):
    parser.add_argument(
        "--gate",
        type=_gate,
        default="auto",
        metavar="WIDTH",
        help="auto (default), none for constant weights, 0 for a linear gate, or hidden units",
    )


def _add_seed(parser, what):
    parser.add_argument(
        "--seed", type=_seed, default=0, help=f"seed of {what} (default: %(default)s)"
    )


def _add_output(parser):
    own = parser.add_argument_group("output")
    own.add_argument("--force", action="store_true", help="overwrite files that exist")
    own.add_argument(
        "--quiet", action="store_true", help="say neither how files were read nor progress"
    )
    return own


def _gate(text):
    if text in ("auto", "none"):
        return None if text == "none" else text
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not auto, none or a whole number")
    return int(text)


def _number_or(word, value):
    """Type of an argument that is a whole number, or a word that stands for a value."""

    def read(text):
        if text != word and not text.isdecimal():
            raise argparse.ArgumentTypeError(f"{text!r} is neither a whole number nor {word}")
        return value if text == word else int(text)

    return read


def _names(text):
    return text.split(",")


def _fraction(text):
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 < value < 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number between 0 and 1")
    return value


def _safety(text):
    """Reference, None for all, and its share."""
    name, _, share = text.rpartition("=")
    return name or None, _fraction(share)


def _shares(text):
    """Prevalences by the names of classes."""
    shares = {}
    for part in text.split(","):
        name, equals, share = part.rpartition("=")
        if not equals:
            raise argparse.ArgumentTypeError(f"{part!r} is not CLASS=PREVALENCE")
        if name in shares:
            raise argparse.ArgumentTypeError(f"class {name!r} is named twice")
        shares[name] = _fraction(share)
    return shares


def _seed(text):
    try:
        seed = int(text)
    except ValueError:
        seed = -1
    if not 0 <= seed <= _MAX_SEED:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to {_MAX_SEED}")
    return seed
