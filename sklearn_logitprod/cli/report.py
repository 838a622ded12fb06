"""A comparison as one self-contained page."""

from __future__ import annotations

import platform
from html import escape

import numpy as np
import sklearn

from sklearn_logitprod._html import block
from sklearn_logitprod._version import __version__
from sklearn_logitprod.cli.figures import figures
from sklearn_logitprod.cli.page import page
from sklearn_logitprod.cli.tasks import words_of
from sklearn_logitprod.inspection._draw import LOSS_WORDS
from sklearn_logitprod.inspection._shown import claims_html, table_html
from sklearn_logitprod.inspection._words import said_of, verdict

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


def report(estimator, outputs, table, made=None, *, what="experts", facts=None, reading=""):
    """The page as HTML.

    Parameters
    ----------
    estimator : LogitProdClassifier or LogitProdSurvival
        Unfitted, as it was compared.
    outputs : ExpertOutputs or Embeddings
    table : DataFrame
        Of `compare`.
    made : str, optional
        How samples were made of the rows of the files.
    what : str, default="experts"
        What is compared.
    facts : list of (str, str), optional
        What the files hold. None: what they do of outputs.
    reading : str
        Further paragraphs of HTML that say how the page is read.

    Returns
    -------
    str
        Text from files is escaped; nothing is loaded from elsewhere.
    """
    parts = [
        f'<p class="verdict">{escape(verdict(table))}</p>',
        f"<p>{escape(' '.join(said_of(table)))}</p>",
        f"<h2>All methods</h2>{block(table_html(table))}",
        f"<h2>LogitProd beside the best</h2>{block(claims_html(table))}",
    ]
    for title, caption, svg in figures(estimator, outputs, table, words_of(outputs)):
        parts.append(f"<h2>{escape(title)}</h2><figure>{svg}")
        parts.append(f"<figcaption>{escape(caption)}</figcaption></figure>")
    parts.append(f"<h2>The data</h2>{_data(outputs, made, facts)}")
    own = _READING.format(loss=LOSS_WORDS[table.attrs["difference"]])
    parts.append(f"<h2>How to read this</h2>{own}{reading}")
    parts.append(f'<p class="soft">{escape(_settings(estimator, table))}</p>')
    n_experts = list(table.attrs["kinds"].values()).count("expert")
    return page(f"Comparison of {n_experts} {what}", parts)


def _data(outputs, made, facts):
    rows = [("samples", f"{len(outputs)}")]
    if made is not None:
        rows.append(("made of the files", made))
    if outputs.groups is not None:
        rows.append(("groups", f"{len(np.unique(outputs.groups))}"))
    rows += words_of(outputs).facts(outputs)
    rows += _held(outputs) if facts is None else facts
    body = "".join(f"<tr><td>{escape(a)}</td><td>{escape(b)}</td></tr>" for a, b in rows)
    return f'<table class="facts">{body}</table>'


def _held(outputs):
    """What the files hold of outputs."""
    yield "values in the files", outputs.input
    for name, missing in zip(outputs.expert_names, outputs.missing.T, strict=True):
        yield f"expert {name}", f"missing on {int(missing.sum())} samples"


def _settings(estimator, table):
    attrs = table.attrs
    return (
        f"gate_width={estimator.gate_width!r}, {attrs['n_repeats']} x {attrs['n_folds']} folds, "
        f"{attrs['n_resamples']} resamples, seed {attrs['random_state']}; sklearn_logitprod "
        f"{__version__}, scikit-learn {sklearn.__version__}, Python {platform.python_version()}"
    )
