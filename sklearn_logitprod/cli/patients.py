"""``--aggregate``: slides to patients, before a fit or after a prediction."""

from __future__ import annotations

from sklearn_logitprod._text import option, options_renamed
from sklearn_logitprod.cli.tasks import decided
from sklearn_logitprod.io import aggregate

AS_IT_IS = "none"
_HIGHEST = {
    "classes": "the positive class is most probable",
    "events": "the risk is highest",
    "labels": "each label is most probable",
    "values": "the predicted value is highest",
}
_SAID = {
    "mean": "the mean of each patient's slides",
    "logit-mean": "the mean of log-probabilities of each patient's slides",
    "max": "of each patient the slide where {}",
    "noisy-or": "each patient positive unless no slide is",
}


def check_group(args):
    """Refuse, before any work, to aggregate by nothing."""
    if args.aggregate is None:
        return
    if args.layout != "tables":
        raise ValueError(
            f"{option('aggregate', args.aggregate)} needs a column of patients, which "
            f"{option('layout', args.layout)} does not have: read the files as tables, with "
            f"{option('group', 'NAME')}."
        )
    if args.group is None:
        _refuse_no_group()


def by_patient(outputs, how, positive=None):
    """Outputs of patients, and a sentence that says so.

    Parameters
    ----------
    outputs : ExpertOutputs
        Whose groups are the patients.
    how : {"mean", "logit-mean", "max", "noisy-or"} or None
        None leaves outputs as they are.
    positive : str or None

    Returns
    -------
    ExpertOutputs
    str or None
    """
    if how is None:
        return outputs, None
    if outputs.groups is None:
        _refuse_no_group()
    with options_renamed(how="aggregate"):
        found = aggregate(outputs, "groups", how, positive=positive)
    return found, _counted(outputs, found, how, outputs.task_name)


def predicted_by_patient(model, table, groups, how, positive=None):
    """As `by_patient`, of a table of predictions.

    Parameters
    ----------
    model : LogitProdClassifier or LogitProdSurvival
        Which made them, and decides anew.
    table : DataFrame
        As ``predictions`` makes it.
    groups : ndarray of shape (n_rows,)
    how : {"mean", "logit-mean", "max", "noisy-or"}
    positive : str or None

    Returns
    -------
    DataFrame
    str
    """
    of_classes = model.task_name == "classes"
    with options_renamed(how="aggregate"):
        # what a model decides need not be the most probable class
        slides = table.drop(columns="prediction") if of_classes else table
        input = "label_proba" if model.task_name == "labels" else None
        found = aggregate(slides, groups, how, input=input, positive=positive)
    if of_classes:
        proba = found[[f"proba_{label}" for label in model.classes_]].to_numpy()
        found.insert(0, "prediction", decided(model, proba))
    return found.rename_axis(table.index.name), _counted(table, found, how, model.task_name)


def new_how(saved, args):
    """How files for a saved model are aggregated, before and after the prediction.

    Parameters
    ----------
    saved : Saved
    args : Namespace
        Of a command that takes a saved model and files.

    Returns
    -------
    before, after : {"mean", "logit-mean", "max", "noisy-or"} or None
    """
    said, after = args.aggregate, args.command == "predict"
    if saved.aggregate is None:
        if said in (None, AS_IT_IS):
            return None, None
        if not after:
            raise ValueError(
                f"the model was fitted on slides, which {option('aggregate', said)} makes patients "
                "of for a fit, or of predictions. Fit it with that option, or leave it out here."
            )
        if args.group is None:
            _refuse_no_group()
        return None, said
    if said not in (None, AS_IT_IS, saved.aggregate):
        raise ValueError(
            f"the model was fitted on patients by {option('aggregate', saved.aggregate)}, which is "
            f"done here, too: leave {option('aggregate', said)} out, or write "
            f"{option('aggregate', AS_IT_IS)} if each row is a patient already."
        )
    return (None if said == AS_IT_IS else saved.aggregate), None


def _counted(slides, patients, how, task_name):
    said = _SAID[how].format(_HIGHEST[task_name])
    return f"{len(slides)} slides became {len(patients)} patients: {said}."


def _refuse_no_group():
    raise ValueError(
        f"{option('aggregate')} needs to know which slides are of one patient: name the column, "
        f"{option('group', 'NAME')}."
    )
