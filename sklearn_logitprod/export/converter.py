"""A converter for skl2onnx: fusions inside pipelines, with their estimators."""

from __future__ import annotations

import numpy as np

from sklearn_logitprod._text import brief, option
from sklearn_logitprod.estimators.classifier import LogitProdClassifier
from sklearn_logitprod.export.expressions import joined, shaped, taken, variable, with_axis
from sklearn_logitprod.export.graphs import OPSET, graph_parts, load_onnx
from sklearn_logitprod.export.programs import fitted_model, program_of_outputs, read_row
from sklearn_logitprod.outputs.classes import Outputs
from sklearn_logitprod.search.classifier import LogitProdClassifierCV

_NAME = "LogitProdClassifier"


def register_converter() -> None:
    """Tell skl2onnx how classifiers of this package are converted.

    Afterwards ``skl2onnx.to_onnx`` takes :class:`~sklearn_logitprod.LogitProdClassifier` and
    :class:`~sklearn_logitprod.LogitProdClassifierCV`, alone or in a pipeline: with estimators as
    experts, each converted by its own converter, or on outputs of two axes. The graph gives the
    label and the probabilities, as those of classifiers of scikit-learn do. Calling it again does
    no harm.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    See Also
    --------
    to_onnx : Of models of outputs, in any of their forms, with the experts' weights.

    Examples
    --------
    >>> import skl2onnx
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_logitprod import LogitProdClassifier
    >>> from sklearn_logitprod.export import register_converter
    >>> X, y = load_iris(return_X_y=True)
    >>> experts = [LogisticRegression(), GaussianNB()]
    >>> fusion = LogitProdClassifier(experts, cv=3, gate_width=None)
    >>> pipeline = make_pipeline(StandardScaler(), fusion).fit(X, y)
    >>> register_converter()
    >>> proto = skl2onnx.to_onnx(pipeline, X[:1].astype("float32"), options={"zipmap": False})
    >>> [output.name for output in proto.graph.output]
    ['label', 'probabilities']
    """
    try:
        from skl2onnx import update_registered_converter
        from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
    except ImportError as error:
        raise ImportError(
            "Pipelines are converted by skl2onnx, which is not installed: python -m pip install "
            "skl2onnx."
        ) from error
    for kind in (LogitProdClassifier, LogitProdClassifierCV):
        update_registered_converter(
            kind,
            kind.__name__,
            calculate_linear_classifier_output_shapes,
            _convert,
            options={
                "zipmap": [True, False, "columns"],
                "nocl": [False],
                "output_class_labels": [False],
            },
        )


def _convert(scope, operator, container):
    """Nodes of a fusion: those of its experts, of the pool, and the label."""
    from skl2onnx.common.data_types import guess_proto_type

    model = fitted_model(operator.raw_operator, "skl2onnx.to_onnx")
    _check(model, container)
    label, proba = (output.full_name for output in operator.outputs)
    if model.named_experts_ is None:
        outputs, x = _of_columns(model, operator.inputs[0])
    else:
        outputs, x = _of_experts(model, scope, operator, container)
    program = program_of_outputs(model, "skl2onnx.to_onnx", outputs, x=x)
    _, found = program.outputs["probabilities"]
    kind = guess_proto_type(operator.outputs[1].type)
    nodes, constants = graph_parts({proba: found}, scope.get_unique_variable_name, kind)
    for constant in constants:
        container.add_initializer(constant.name, None, None, constant)
    attribute_value = load_onnx().helper.get_attribute_value
    for node in nodes:
        own = {one.name: attribute_value(one) for one in node.attribute}
        container.add_node(
            node.op_type, list(node.input), list(node.output), op_version=OPSET, **own
        )
    _add_label(model, scope, container, proba, label)


def _check(model, container):
    """Raise if a classifier, or the version of operators, is none that is converted."""
    if container.target_opset_onnx < OPSET:
        raise ValueError(
            f"{_NAME} is converted to opset {OPSET} or later, not {container.target_opset_onnx}: "
            f"set target_opset={OPSET}."
        )
    if not (isinstance(model.decision, str) and model.decision == "mode"):
        raise ValueError(
            f"A graph gives the most probable class as label, but {option('decision')} of this "
            f"{_NAME} says otherwise. Convert with {option('decision', 'mode')}, by "
            "set_params, and decide by the probabilities."
        )
    if model.classes_.dtype.kind not in "iuUO":
        raise ValueError(
            f"Labels of a graph are whole numbers or text, but the classes are "
            f"{brief(model.classes_.tolist())}. Fit with such labels, or use to_onnx of "
            "sklearn_logitprod.export, which gives probabilities alone."
        )


def _of_columns(model, given):
    """How outputs of two axes are read, and the input."""
    n_columns = given.type.shape[1] or model.n_features_in_
    # numbered, so that each shows where it goes
    row = np.arange(float(n_columns))[None]
    outputs = read_row(model, row)
    x = taken(variable(given.full_name, (n_columns,)), np.ravel(outputs.values), 1)
    return outputs, shaped(x, *outputs.values.shape[1:])


def _of_experts(model, scope, operator, container):
    """How answers of experts are read, and what they say: nodes of theirs are added."""
    # as its own converters do for what stands inside of something else
    from skl2onnx._parse import _parse_sklearn

    classes, parts = model.classes_.tolist(), []
    for name, expert in model.named_experts_.items():
        if not hasattr(expert, "predict_proba"):
            raise ValueError(
                f"Expert {name!r} has no predict_proba, and of other scores skl2onnx gives no "
                "probabilities. Wrap it in sklearn.calibration.CalibratedClassifierCV, or convert "
                "the experts apart and use to_onnx(model, pool_only=True)."
            )
        known = np.asarray(expert.classes_).tolist()
        if len(known) < len(classes) and model.missing_classes == "mean":
            raise ValueError(
                f"Expert {name!r} does not know all classes, and "
                f"{option('missing_classes', 'mean')} is not converted. Convert the experts apart "
                "and use to_onnx(model, pool_only=True)."
            )
        for options in (scope, container):
            options.add_options(id(expert), {"zipmap": False})
        _, said = _parse_sklearn(scope, expert, operator.inputs)
        place = np.array([[one == other for other in classes] for one in known], dtype=float)
        parts.append(with_axis(variable(said.full_name, (len(known),)) @ place, 1))
    proba = np.zeros((1, len(parts), len(classes)))
    names = list(model.expert_names_)
    return Outputs(proba, "proba", names, np.arange(len(classes))), joined(parts, 1)


def _add_label(model, scope, container, proba, label):
    """The most probable class."""
    types = load_onnx().TensorProto
    position, classes = (scope.get_unique_variable_name(name) for name in ("position", "classes"))
    values = model.classes_.tolist()
    if model.classes_.dtype.kind in "iu":
        container.add_initializer(classes, types.INT64, [len(values)], values)
    else:
        text = [str(value).encode("utf-8") for value in values]
        container.add_initializer(classes, types.STRING, [len(values)], text)
    container.add_node("ArgMax", [proba], [position], op_version=13, axis=1, keepdims=0)
    container.add_node("Gather", [classes, position], [label], op_version=13, axis=0)
