"""What the displays share: matplotlib on demand, names of scores, colours."""

from __future__ import annotations

import io

METRIC_LABELS = {
    "log_loss": "log-loss",
    "roc_auc": "AUC",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "brier": "Brier score",
    "rps": "ranked probability score",
    "quadratic_kappa": "quadratic kappa",
    "concordance": "concordance",
    "ibs": "integrated Brier score",
    "nll": "NLL",
    "crps": "CRPS",
    "rmse": "RMSE",
    "mae": "mean absolute error",
    "r2": "R²",
}

SHORT_LABELS = METRIC_LABELS | {
    "balanced_accuracy": "bal. accuracy",
    "brier": "Brier",
    "rps": "RPS",
    "quadratic_kappa": "kappa",
    "ibs": "IBS",
    "mae": "MAE",
}
"""What they are called where there is little room."""

LOSS_WORDS = {"log_loss": "log-loss", "nll": "negative log-likelihood"}
"""What the loss is called in which methods differ from the best expert."""

# told apart without colour vision, too: Okabe and Ito's set, lightness falling
COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#0072B2", "#D55E00")


class Display:
    """What displays share: their contents drawn in one call, and the axes kept."""

    @classmethod
    def _drawn(cls, *contents, **options):
        return cls(*contents).plot(**options)

    def _keep(self, ax):
        self.ax_, self.figure_ = ax, ax.figure
        return self


def pyplot():
    """Matplotlib's pyplot, or an error that says how to get it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("Plots need matplotlib: python -m pip install matplotlib.") from error
    return plt


def axes(ax, width, height):
    """The given axes, or those of a new figure of that size in inches."""
    plt = pyplot()
    if ax is not None and not hasattr(ax, "errorbar"):
        raise TypeError(
            f"ax is {type(ax).__name__}, but the axes of one plot are needed, such as "
            "plt.subplots()[1]. None makes a figure."
        )
    return ax or plt.subplots(figsize=(width, height), layout="constrained")[1]


def direction(higher_is_better):
    """Which values are better, in words."""
    return "higher is better" if higher_is_better else "lower is better"


# black is what takes the colour of the text around a figure
_TEXT = "#010101"


def svg(draw, size, as_text=False, words=False):
    """What a function draws on axes, as SVG text.

    Parameters
    ----------
    draw : callable
        Of the axes.
    size : (float, float)
        In inches.
    as_text : bool
        Whether lines and words have the colour of the text that the figure stands in, on no paper
        of its own.
    words : bool
        Whether words stay words, in a font of the reader's, instead of outlines.

    Returns
    -------
    str
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    named = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    stream = io.StringIO()
    fonts = "none" if words else "path"
    own = {"svg.hashsalt": "logitprod", "svg.fonttype": fonts, **dict.fromkeys(named, _TEXT)}
    with rc_context(own):
        figure = Figure(figsize=size, layout="constrained")
        ax = figure.subplots()
        draw(ax)
        if as_text:
            ax.set_facecolor("none")
        figure.savefig(
            stream, format="svg", transparent=as_text, metadata={"Date": None, "Creator": None}
        )
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    return (
        text.replace(_TEXT, "currentColor").replace("#000000", "currentColor") if as_text else text
    )
