"""What TRIPOD+AI asks a report of a prediction model to say, and where this one says it.

Collins et al., "TRIPOD+AI statement: updated guidance for reporting clinical prediction models that
use regression or machine learning methods", BMJ 385, e078378, 2024. The numbers of the items are
theirs, the words are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from sklearn_logitprod import _html
from sklearn_logitprod.report.page import table

SOURCE = (
    "Collins et al., TRIPOD+AI statement: updated guidance for reporting clinical prediction "
    "models that use regression or machine learning methods, BMJ 2024;385:e078378. Numbers are "
    "those of its items, in words of this report."
)


@dataclass(frozen=True)
class Item:
    """An item of the checklist.

    Attributes
    ----------
    number : str
    asks : str
    sections : tuple of str
        Keys of the sections that say it, or a part of it; empty: it is for the authors to write.
    left : str
        What the authors have to add; empty for nothing.
    """

    number: str
    asks: str
    sections: tuple = ()
    left: str = ""


ITEMS = (
    Item("1", "title: that a prediction model is developed or evaluated, for whom, for what"),
    Item("2", "abstract"),
    Item("3a-3c", "medical context, intended use and users, known inequalities"),
    Item("4", "objectives"),
    Item("5a, 5b", "where the data come from, and from when to when"),
    Item("6a-6c", "setting, who was eligible, treatments"),
    Item("7", "how data were prepared and checked", ("data",), "what was done before the files"),
    Item(
        "8a-8c",
        "outcome: definition, when and by whom it was assessed, blinded to what",
        ("data",),
        "all but its counts",
    ),
    Item(
        "9a-9c",
        "predictors: choice, definition, measurement",
        ("data",),
        "how each expert was trained, on which data, and what it reads",
    ),
    Item("10", "why the study is as large as it is"),
    Item(
        "11", "how missing values were handled", ("gaps", "model"), "gaps within an expert's input"
    ),
    Item("12a", "how data were used to develop and to evaluate", ("reading",)),
    Item("12b, 12c", "type of model, its building, and internal validation", ("model", "reading")),
    Item("12d", "how differences between sites were looked at", ("by",)),
    Item(
        "12e",
        "measures and plots of performance, and comparisons of models",
        ("methods", "calibration", "decisions"),
    ),
    Item("12f", "updating of the model after the evaluation", (), "if there was any"),
    Item("12g", "how predictions are computed", ("use",)),
    Item(
        "13",
        "what was done about unbalanced classes",
        ("model",),
        "what was done when the experts were trained",
    ),
    Item("14", "what was done for fairness"),
    Item(
        "15",
        "what the model gives: probabilities or decisions, and thresholds",
        ("use",),
        "the threshold, if there is one",
    ),
    Item(
        "16",
        "how the data of development and evaluation differ",
        ("reading",),
        "how those that experts were trained on differ from these",
    ),
    Item("17", "ethical approval"),
    Item("18a-18f", "funding, conflicts of interest, protocol, registration, data, code"),
    Item("19", "involvement of patients and the public"),
    Item(
        "20a, 20b",
        "participants: numbers, events, follow-up, missing data",
        ("data", "by", "gaps"),
        "their flow and characteristics",
    ),
    Item("20c", "how they compare with those of the development", ()),
    Item("21", "numbers of participants and events in each analysis", ("data", "methods")),
    Item(
        "22",
        "the whole model, so that others can use and evaluate it",
        ("use",),
        "the saved model, or where it can be had",
    ),
    Item(
        "23a",
        "performance with intervals, in key subgroups, too",
        ("methods", "calibration", "decisions", "by"),
        "subgroups of persons, such as age and sex, by their columns",
    ),
    Item("23b", "differences of performance between sites", ("by",)),
    Item("24", "results of updating", (), "if there was any"),
    Item("25, 26", "interpretation, fairness, limitations"),
    Item("27a", "what to do where inputs are poor or missing", ("use",), "poor ones"),
    Item("27b, 27c", "what users must do and know; next steps"),
)


def checklist(titles):
    """The items as a table: where the page says them, and what is left to the authors.

    Parameters
    ----------
    titles : dict of str to str
        Of the sections that the page has.
    """
    rows = []
    for item in ITEMS:
        there = [key for key in item.sections if key in titles]
        links = ", ".join(f'<a href="#{key}">{escape(titles[key])}</a>' for key in there)
        left = item.left if there else item.left or "all of it"
        rows.append(
            [
                _html.head(item.number),
                _html.cell(item.asks),
                f"<td>{links or 'not here'}</td>",
                _html.cell(left or "nothing that this page can know of"),
            ]
        )
    header = ["item", "what is asked", "in this report", "for the authors"]
    made = table(header, rows, words=True, label="TRIPOD+AI checklist")
    return made + _html.paragraph(SOURCE, "soft")
