"""Arguments of ``probe``, which takes features in place of predictions."""

from __future__ import annotations

from sklearn_logitprod.cli.arguments import (
    _add_gate,
    _add_output,
    _add_seed,
    _add_truth,
    _names,
)

_EXAMPLES = """\
examples:
  logitprod probe uni=feats/uni conch=feats/conch --labels labels.csv --label tumour
  logitprod probe uni=feats/uni conch=feats/conch virchow2=virchow2.parquet --labels labels.csv \\
      --label msi --group patient --report report.html --save model.skops --cache cache
  logitprod probe uni=feats/uni titan=feats/titan --labels labels.csv --event dead --time months
  logitprod probe uni='job/**/uni/*.h5' conch=conch.h5 --labels labels.csv --target age
  logitprod predict model.skops uni=new/uni conch=new/conch -o predictions.csv

Each encoder gets a head of its own, fitted within the training part of each split. With --cache a
run that was interrupted goes on where it was, and a further encoder costs its own heads alone."""


def probe(parser, run):
    """Arguments of ``probe``."""
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "files",
        nargs="+",
        metavar="ENCODER",
        help="folder of each encoder with a file per slide (.h5, .pt, .npy, .npz), or one file or "
        "table of all slides, as PATH, which names it, or NAME=PATH, or NAME='PATTERN'",
    )
    own = parser.add_argument_group("what the files hold")
    own.add_argument("--labels", metavar="TABLE", required=True, help="table of the slides")
    own.add_argument("--id", default="slide_id", help="column of identifiers (%(default)s)")
    _add_truth(own)
    own.add_argument(
        "--features",
        action="append",
        metavar="[ENCODER:]NAME",
        help="array of features in the files, where it does not stand alone, or columns of a "
        "table, such as 'feat_*'",
    )
    own.add_argument(
        "--pool",
        choices=("mean", "mean_std"),
        default="mean",
        help="features of patches to their mean (default), or to mean and standard deviation",
    )
    own.add_argument(
        "--average",
        action="store_true",
        help="one row for each patient (--group): the mean of its slides",
    )
    own.add_argument(
        "--id-strip",
        metavar="A,B",
        help="what does not count in identifiers: folder, suffix (.svs, .h5 ...), zeros",
    )
    own.add_argument(
        "--classes", type=_names, metavar="A,B", help="grades from the lowest to the highest"
    )
    _add_gate(parser)
    own = parser.add_argument_group("comparison")
    own.add_argument("--metrics", type=_names, metavar="A,B", help="default: all there are")
    own.add_argument(
        "--ordered",
        action="store_true",
        help="the classes are grades, numbers or in the order of --classes: score them as such",
    )
    own.add_argument(
        "--by", metavar="COLUMN", help="score within each of its values, too, such as sites"
    )
    own.add_argument("--cv", type=int, default=5, metavar="K", help="folds (default: 5)")
    own.add_argument(
        "--repeats", type=int, default=5, metavar="N", help="of the folds (default: 5)"
    )
    own.add_argument(
        "--resamples", type=int, default=2000, metavar="N", help="of the bootstrap (default: 2000)"
    )
    own.add_argument("--jobs", type=int, metavar="N", help="splits at a time (default: 1)")
    own.add_argument(
        "--cache",
        metavar="FOLDER",
        help="keep fitted heads there, so that the next run takes them (default: they are "
        "forgotten)",
    )
    _add_seed(own, "splits, heads, bootstrap and fusion")
    out = _add_output(parser)
    out.add_argument("-o", "--out", metavar="CSV", help="write the whole table")
    out.add_argument("--report", metavar="HTML", help="write a page with table and figures")
    out.add_argument("--save", metavar="SKOPS", help="fit on all slides, and write the model")
    parser.set_defaults(run=run)
