"""Files as other programs write them, each read to the right array or refused by name.

Contents are made up: two samples, s1 (normal, 0.9 and 0.1) and s2 (tumor, 0.3 and 0.7), or p1 and
p2 with times 14 and 30. ``docs/writers.py`` writes the table of the documentation from these.
"""

import csv
import importlib.util
import io
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sklearn_logitprod import io as readers

SCRIPT = Path(__file__).parents[1] / "docs" / "writers.py"
LABELS = ["normal", "tumor"]
CODES = [0, 1]
PROBA = [[0.9, 0.1], [0.3, 0.7]]
THREE = [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1]]
LOGITS = [[2.2, -2.2], [-0.4, 0.45]]
EVENTS = [(True, 14.0), (False, 30.0)]


@dataclass(frozen=True)
class Writer:
    """What a program writes, what to type, and what comes out."""

    name: str
    source: str
    content: Any
    call: dict = field(default_factory=dict)
    file: str = "predictions.csv"
    reader: str = "read_tables"
    values: list = field(default_factory=lambda: PROBA)
    classes: list | None = field(default_factory=lambda: LABELS)
    y: list | None = None
    ids: tuple = ("s1", "s2")
    times: list | None = None
    refused: str | None = None

    def read(self, folder):
        path = folder / "uni" / self.file
        path.parent.mkdir(parents=True)
        write(path, self.content)
        where = path if self.reader == "read_tables" else folder / "uni"
        return getattr(readers, self.reader)({"uni": where}, **self.call)


def write(path, content):
    """Write text as it is, or the table that it is as the extension says."""
    kind = path.suffix.removeprefix(".")
    if kind == "pkl":
        path.write_bytes(pickle.dumps(content))
    elif kind in ("csv", "tsv", "json", "jsonl", "txt"):
        path.write_text(content)
    else:
        frame = content if isinstance(content, pd.DataFrame) else pd.read_csv(io.StringIO(content))
        if kind == "xlsx":
            pytest.importorskip("openpyxl")
            frame.to_excel(path, index=False)
        elif kind == "npz":
            np.savez(path, **{name: np.array(frame[name].tolist()) for name in frame})
        else:
            pytest.importorskip("pyarrow")
            getattr(frame, "to_feather" if kind == "feather" else "to_parquet")(path)


def classes(name, source, content, id, label=None, **more):
    """A table of probabilities of normal and tumor."""
    call = {"id": id, **({} if label is None else {"label": label}), **more.pop("call", {})}
    more = {"y": None if label is None else LABELS, **more}
    return Writer(name, source, content, call, **more)


def codes(name, source, content, id, label=None, **more):
    """The same of classes that are called 0 and 1."""
    own = {"classes": CODES, "y": None if label is None else CODES}
    return classes(name, source, content, id, label, **{**own, **more})


def lone(name, source, content, id, label=None, positive="tumor", **more):
    """A column of the probability of the second class alone."""
    known = {} if label else {"classes": LABELS}
    call = {**known, "positive": positive, **more.pop("call", {})}
    return classes(name, source, content, id, label, call=call, **more)


def refused(name, source, content, pattern, file="predictions.csv", reader="read_tables", **call):
    return Writer(name, source, content, call, file, reader, refused=pattern)


def events(name, source, content, values, id, ids=("p1", "p2"), **more):
    """Risks, or survival at times."""
    times = more.pop("times", None)
    call = {"id": id, "input": "risk" if times is None else "survival", **more.pop("call", {})}
    own = {"classes": None, "ids": ids, "times": times, "y": EVENTS if "event" in call else None}
    return Writer(name, source, content, call, values=values, **{**own, **more})


ROW_NAMES = '"","normal","tumor"\n"s1",0.9,0.1\n"s2",0.3,0.7\n'
TRUTH = {"event": "event", "time": "time"}
PREDICTED = (
    r"'{}' is nowhere below 0\.5, whichever class '{}' says: it looks like the probability of the "
    r"class that was predicted\. Write a column for each class; if it is always of one class, "
    r"pass columns=\{{'.*tumor': '.*'\}} or the other\."
)
NO_HEADER = (
    r"there is no column 'slide_id'; there are \[.*\]\. Name the right one with id=\.\.\.; the "
    r"first line seems to hold values: write one with the names above it\."
)

WRITERS = [
    # R
    classes("caret, predict(type='prob')", "CRAN caret, predict.train", ROW_NAMES, ""),
    classes("randomForest, predict(type='prob')", "CRAN randomForest", ROW_NAMES, ""),
    classes("glmnet, multinomial", "CRAN glmnet, predict(type='response')", ROW_NAMES, ""),
    classes(
        "ranger, predict()$predictions",
        "CRAN ranger, predict.ranger",
        '"","normal","tumor"\n"1",0.9,0.1\n"2",0.3,0.7\n',
        "",
        ids=("1", "2"),
    ),
    lone("glmnet, binomial", "CRAN glmnet", '"","lambda.min"\n"s1",0.1\n"s2",0.7\n', ""),
    classes(
        "glmnet, binomial of one lambda",
        "CRAN glmnet",
        '"","s0"\n"s1",0.1\n"s2",0.7\n',
        "",
        call={"classes": LABELS, "columns": {"tumor": "s0"}},
    ),
    classes(
        "caret, train()$pred",
        "CRAN caret, trainControl(savePredictions, classProbs)",
        '"pred","obs","normal","tumor","rowIndex","Resample"\n'
        '"normal","normal",0.9,0.1,1,"Fold1"\n"tumor","tumor",0.3,0.7,2,"Fold1"\n',
        "rowIndex",
        "obs",
        ids=("1", "2"),
    ),
    classes(
        "tidymodels, augment()",
        "parsnip, augment.model_fit",
        ".pred_class,.pred_normal,.pred_tumor,id,truth\n"
        "normal,0.9,0.1,s1,normal\ntumor,0.3,0.7,s2,tumor\n",
        "id",
        "truth",
    ),
    classes(
        "tidymodels, collect_predictions()",
        "tune; its column id is the fold",
        ".pred_class,.pred_normal,.pred_tumor,id,.row,truth,.config\n"
        "normal,0.9,0.1,Fold1,1,normal,Preprocessor1_Model1\n"
        "tumor,0.3,0.7,Fold1,2,tumor,Preprocessor1_Model1\n",
        ".row",
        "truth",
        ids=("1", "2"),
    ),
    codes(
        "tidymodels, levels 0 and 1",
        "parsnip, augment.model_fit",
        ".pred_class,.pred_0,.pred_1,id,truth\n0,0.9,0.1,s1,0\n1,0.3,0.7,s2,1\n",
        "id",
        "truth",
    ),
    classes(
        "mlr3, as.data.table(prediction)",
        "mlr-org/mlr3, R/as_prediction_classif.R",
        "row_ids,truth,response,prob.normal,prob.tumor\n"
        "1,normal,normal,0.9,0.1\n2,tumor,tumor,0.3,0.7\n",
        "row_ids",
        "truth",
        ids=("1", "2"),
    ),
    classes(
        "mlr, Prediction$data",
        "CRAN mlr, Prediction",
        '"id","truth","prob.normal","prob.tumor","response"\n'
        '1,"normal",0.9,0.1,"normal"\n2,"tumor",0.3,0.7,"tumor"\n',
        "id",
        "truth",
        ids=("1", "2"),
    ),
    classes(
        "OpenML, predictions",
        "mlr-org/mlr3oml, attic/make_oml_prediction.R",
        "repeat,fold,row_id,prediction,truth,confidence.normal,confidence.tumor\n"
        "0,0,0,normal,normal,0.9,0.1\n0,0,1,tumor,tumor,0.3,0.7\n",
        "row_id",
        "truth",
        ids=("0", "1"),
    ),
    # programs with a surface
    classes(
        "KNIME, predictor nodes",
        "KNIME, Random Forest Predictor",
        '"row ID","diagnosis","P (diagnosis=normal)","P (diagnosis=tumor)","Prediction"\n'
        '"s1","normal","0.9","0.1","normal"\n"s2","tumor","0.3","0.7","tumor"\n',
        "row ID",
        "diagnosis",
    ),
    classes(
        "RapidMiner, Apply Model",
        "docs.rapidminer.com, Generate Prediction",
        '"id";"label";"prediction(label)";"confidence(normal)";"confidence(tumor)"\n'
        '"s1";"normal";"normal";0.9;0.1\n"s2";"tumor";"tumor";0.3;0.7\n',
        "id",
        "label",
    ),
    classes(
        "Orange, Predictions and Save Data",
        "orangedatamining.com, Predictions",
        "id,diagnosis,Random Forest (normal),Random Forest (tumor),Random Forest\n"
        "s1,normal,0.9,0.1,normal\ns2,tumor,0.3,0.7,tumor\n",
        "id",
        "diagnosis",
    ),
    refused(
        "Orange, with three lines of header",
        "orangedatamining.com, Save Data",
        "id,diagnosis,normal,tumor\nstring,normal tumor,continuous,continuous\n,class,,\n"
        + "s1,normal,0.9,0.1\ns2,tumor,0.3,0.7\ns3,normal,0.9,0.1\n",
        r"line 3 \(expert 'uni'\): column 'id' \(id\) is empty in 1 of 5 rows",
        id="id",
        label="diagnosis",
    ),
    refused(
        "Weka, output.prediction.CSV",
        "Weka manual, evaluation.output.prediction.CSV",
        "inst#,actual,predicted,error,prediction\n1,1:normal,1:normal,,0.9\n2,2:tumor,2:tumor,,0.7\n",
        PREDICTED.format("prediction", "predicted"),
        id="inst#",
        label="actual",
        positive="2:tumor",
    ),
    refused(
        "Weka, the same with -distribution",
        "Weka manual, evaluation.output.prediction.CSV",
        "inst#,actual,predicted,error,distribution,\n"
        "1,1:normal,1:normal,,*0.9,0.1\n2,2:tumor,2:tumor,,0.3,*0.7\n",
        r"'predicted' holds predicted classes, and no column holds outputs\. Write columns such as "
        r"'prob_1:normal'",
        id="inst#",
        label="actual",
    ),
    classes(
        "SAS, PROC LOGISTIC, SCORE OUT=",
        "SAS/STAT, PROC LOGISTIC, SCORE",
        "id,y,F_y,I_y,P_normal,P_tumor\ns1,normal,normal,normal,0.9,0.1\ns2,tumor,tumor,tumor,0.3,0.7\n",
        "id",
        "y",
    ),
    classes(
        "SAS Enterprise Miner, scored data",
        "SAS Enterprise Miner, P_<target><level>",
        "ID,TARGET,P_TARGETnormal,P_TARGETtumor,I_TARGET\n"
        "s1,normal,0.9,0.1,NORMAL\ns2,tumor,0.3,0.7,TUMOR\n",
        "ID",
        "TARGET",
    ),
    codes(
        "SPSS, LOGISTIC REGRESSION /SAVE",
        "IBM SPSS Statistics, PRE_1 and PGR_1",
        "id,diagnosis,PRE_1,PGR_1\ns1,0,0.1,0\ns2,1,0.7,1\n",
        "id",
        "diagnosis",
        call={"columns": {1: "PRE_1"}},
    ),
    codes(
        "Stata, predict after logit",
        "Stata manual, logit postestimation",
        "id,tumor,p\ns1,0,0.1\ns2,1,0.7\n",
        "id",
        "tumor",
        call={"positive": 1},
    ),
    # services
    refused(
        "H2O, h2o.predict",
        "docs.h2o.ai; without identifiers",
        '"predict","normal","tumor"\n"normal",0.9,0.1\n"tumor",0.3,0.7\n',
        r"there is no column 'slide_id'; there are \['predict', 'normal', 'tumor'\]\. Name the "
        r"right one with id=\.\.\., or write such a column into every file\.",
    ),
    codes(
        "H2O, bound to the identifiers, levels 0 and 1",
        "docs.h2o.ai, h2o.predict, h2o.cbind",
        "id,y,predict,p0,p1\ns1,0,0,0.9,0.1\ns2,1,1,0.3,0.7\n",
        "id",
        "y",
    ),
    codes(
        "H2O, calibrated",
        "docs.h2o.ai, calibrate_model",
        "id,y,predict,p0,p1,cal_p0,cal_p1\ns1,0,0,0.8,0.2,0.9,0.1\ns2,1,1,0.4,0.6,0.3,0.7\n",
        "id",
        "y",
        call={"columns": ["cal_p0", "cal_p1"]},
    ),
    lone(
        "CatBoost, calc, two classes",
        "catboost.ai, output format of values",
        "SampleId\tProbability\ns1\t0.1\ns2\t0.7\n",
        "SampleId",
        file="eval.tsv",
    ),
    classes(
        "CatBoost, calc, several classes",
        "catboost.ai, output format of values",
        "SampleId\tProbability:Class=normal\tProbability:Class=tumor\tProbability:Class=other\n"
        "s1\t0.8\t0.1\t0.1\ns2\t0.2\t0.7\t0.1\n",
        "SampleId",
        file="eval.tsv",
        classes=["normal", "tumor", "other"],
        values=THREE,
    ),
    Writer(
        "CatBoost, RawFormulaVal",
        "catboost.ai, output format of values",
        "SampleId\tRawFormulaVal\tLabel\ns1\t-2.5\tnormal\ns2\t0.75\ttumor\n",
        {"id": "SampleId", "label": "Label", "input": "logits", "positive": "tumor"},
        "eval.tsv",
        values=[[0.0, -2.5], [0.0, 0.75]],
        y=LABELS,
    ),
    refused(
        "LightGBM, task=predict",
        "lightgbm.readthedocs.io, output_result",
        "0.1\n0.7\n",
        r"this format is not known\. .* Call a table of text, with its names in the first line, "
        r"\.csv or \.tsv\.",
        file="LightGBM_predict_result.txt",
    ),
    refused("XGBoost, task=pred, renamed", "xgboost, name_pred", "0.1\n0.7\n", NO_HEADER),
    refused("SageMaker, XGBoost", "docs.aws.amazon.com, batch transform", "0.1\n0.7\n", NO_HEADER),
    refused(
        "SageMaker Autopilot",
        "docs.aws.amazon.com, InferenceResponseKeys",
        "normal,0.9,\"[0.9, 0.1]\",\"['normal', 'tumor']\"\n"
        "tumor,0.7,\"[0.3, 0.7]\",\"['normal', 'tumor']\"\n",
        NO_HEADER,
    ),
    refused(
        "SageMaker Canvas",
        "docs.aws.amazon.com, Canvas, batch predictions",
        "id,Predicted_diagnosis,Probability\ns1,normal,0.9\ns2,tumor,0.7\n",
        PREDICTED.format("Probability", "Predicted_diagnosis"),
        id="id",
        classes=LABELS,
        positive="tumor",
    ),
    # Python
    classes(
        "scikit-learn, DataFrame(proba, ids, classes_)",
        "usual code",
        ",normal,tumor\ns1,0.9,0.1\ns2,0.3,0.7\n",
        "",
    ),
    codes(
        "scikit-learn, DataFrame(proba)",
        "usual code",
        ",0,1\n0,0.9,0.1\n1,0.3,0.7\n",
        "",
        ids=("0", "1"),
    ),
    refused(
        "scikit-learn, DataFrame(proba[:, 1])",
        "usual code; its column 0 is of class 1",
        ",0\ns1,0.1\ns2,0.7\n",
        r"'0' is the only column of outputs, and its name does not say whether it is the "
        r"probability of '0' or of '1'\. Pass positive='1'",
        id="",
        classes=[0, 1],
    ),
    classes(
        "scikit-learn, cross_val_predict beside y",
        "usual code",
        "id,y_true,y_pred,proba_normal,proba_tumor\n"
        "s1,normal,normal,0.9,0.1\ns2,tumor,tumor,0.3,0.7\n",
        "id",
        "y_true",
    ),
    refused(
        "PyCaret, predict_model",
        "pycaret/pycaret, predict_model",
        "id,diagnosis,prediction_label,prediction_score\ns1,normal,normal,0.9\ns2,tumor,tumor,0.7\n",
        PREDICTED.format("prediction_score", "prediction_label"),
        id="id",
        label="diagnosis",
        positive="tumor",
    ),
    classes(
        "PyCaret, predict_model(raw_score=True)",
        "pycaret/pycaret, predict_model",
        "id,diagnosis,prediction_label,prediction_score_normal,prediction_score_tumor\n"
        "s1,normal,normal,0.9,0.1\ns2,tumor,tumor,0.3,0.7\n",
        "id",
        "diagnosis",
    ),
    classes(
        "PyCaret 2",
        "pycaret/pycaret, predict_model(raw_score=True)",
        "id,diagnosis,Label,Score_normal,Score_tumor\n"
        "s1,normal,normal,0.9,0.1\ns2,tumor,tumor,0.3,0.7\n",
        "id",
        "diagnosis",
    ),
    classes(
        "AutoGluon, predict_proba().to_csv",
        "auto.gluon.ai, TabularPredictor",
        ",normal,tumor\n0,0.9,0.1\n1,0.3,0.7\n",
        "",
        ids=("0", "1"),
    ),
    codes(
        "auto-sklearn, TPOT, FLAML",
        "usual code",
        ",0,1\n0,0.9,0.1\n1,0.3,0.7\n",
        "",
        ids=("0", "1"),
    ),
    classes(
        "DataRobot, batch predictions",
        "docs.datarobot.com, batch prediction output format",
        "id,diagnosis_tumor_PREDICTION,diagnosis_normal_PREDICTION,diagnosis_PREDICTION,THRESHOLD,"
        "POSITIVE_CLASS\ns1,0.1,0.9,normal,0.5,tumor\ns2,0.7,0.3,tumor,0.5,tumor\n",
        "id",
        call={"classes": LABELS},
    ),
    classes(
        "Azure ML, Score Model, several classes",
        "learn.microsoft.com, Score Model",
        "id,diagnosis,Scored Labels,Scored Probabilities_normal,Scored Probabilities_tumor\n"
        "s1,normal,normal,0.9,0.1\ns2,tumor,tumor,0.3,0.7\n",
        "id",
        "diagnosis",
    ),
    lone(
        "Azure ML, Score Model, two classes",
        "learn.microsoft.com, Score Model",
        "id,diagnosis,Scored Labels,Scored Probabilities\n"
        "s1,normal,normal,0.1\ns2,tumor,tumor,0.7\n",
        "id",
        "diagnosis",
    ),
    classes(
        "ML.NET, beside the identifiers",
        "learn.microsoft.com, ML.NET",
        "id,Label,PredictedLabel,Score.0,Score.1\ns1,normal,normal,0.9,0.1\ns2,tumor,tumor,0.3,0.7\n",
        "id",
        "Label",
    ),
    classes(
        "Google AutoML Tables",
        "cloud.google.com, automl-tables, predict-batch",
        "id,diagnosis_normal_score,diagnosis_tumor_score\ns1,0.9,0.1\ns2,0.3,0.7\n",
        "id",
        file="tables_1.csv",
    ),
    classes(
        "Vertex AI, tables",
        "cloud.google.com, vertex-ai, batch predictions",
        "id,diagnosis_tumor_scores,diagnosis_normal_scores\ns1,0.1,0.9\ns2,0.7,0.3\n",
        "id",
        call={"classes": LABELS},
    ),
    classes(
        "Vertex AI, JSON lines",
        "cloud.google.com, TabularClassificationPredictionResult",
        '{"instance":{"id":"s1"},"prediction":{"classes":["tumor","normal"],"scores":[0.1,0.9]}}\n'
        '{"instance":{"id":"s2"},"prediction":{"classes":["tumor","normal"],"scores":[0.7,0.3]}}\n',
        "instance_id",
        call={"classes": LABELS},
        file="predictions.jsonl",
    ),
    classes(
        "BigQuery ML, ML.PREDICT, JSON lines",
        "docs.cloud.google.com, ML.PREDICT; the most probable class first",
        '{"id":"s1","diagnosis":"normal","predicted_diagnosis_probs":'
        '[{"label":"normal","prob":0.9},{"label":"tumor","prob":0.1}]}\n'
        '{"id":"s2","diagnosis":"tumor","predicted_diagnosis_probs":'
        '[{"label":"tumor","prob":0.7},{"label":"normal","prob":0.3}]}\n',
        "id",
        "diagnosis",
        file="predictions.jsonl",
    ),
    refused(
        "BigQuery ML, a row for each class",
        "docs.cloud.google.com, ML.PREDICT and UNNEST",
        "id,predicted_label,label,prob\ns1,normal,normal,0.9\ns1,normal,tumor,0.1\n"
        "s2,tumor,normal,0.3\ns2,tumor,tumor,0.7\n",
        r"id 's1' is there twice, first in line 2\. Keep one row per sample",
        id="id",
        label="label",
        positive="tumor",
    ),
    Writer(
        "Spark ML, transform().toPandas().to_csv",
        "spark.apache.org, ML pipelines",
        'id,label,rawPrediction,probability,prediction\ns1,0.0,"[2.2,-2.2]","[0.9,0.1]",0.0\n'
        's2,1.0,"[-0.85,0.85]","[0.3,0.7]",1.0\n',
        {"id": "id", "label": "label"},
        classes=["0.0", "1.0"],
        y=["0.0", "1.0"],
    ),
    classes(
        "Spark ML, Parquet of arrays",
        "spark.apache.org, vector_to_array",
        pd.DataFrame({"id": ["s1", "s2"], "label": LABELS, "probability": PROBA}),
        "id",
        "label",
        file="part-00000.snappy.parquet",
    ),
    classes(
        "Databricks AutoML",
        "usual code",
        "id,diagnosis,normal,tumor\ns1,normal,0.9,0.1\ns2,tumor,0.3,0.7\n",
        "id",
        "diagnosis",
    ),
    classes(
        "Dataiku, scored dataset",
        "doc.dataiku.com, scoring recipe",
        "id,diagnosis,proba_normal,proba_tumor,prediction\n"
        "s1,normal,0.9,0.1,normal\ns2,tumor,0.3,0.7,tumor\n",
        "id",
        "diagnosis",
    ),
    classes(
        "Alteryx, Score tool",
        "help.alteryx.com, Score tool",
        "id,diagnosis,Score_normal,Score_tumor\ns1,normal,0.9,0.1\ns2,tumor,0.3,0.7\n",
        "id",
        "diagnosis",
    ),
    classes(
        "MATLAB, predict and writetable",
        "mathworks.com, predict",
        "id,label,score_1,score_2\ns1,normal,0.9,0.1\ns2,tumor,0.3,0.7\n",
        "id",
        "label",
    ),
    # networks
    refused(
        "Hugging Face, pipeline(top_k=None)",
        "huggingface.co, transformers, pipelines; without identifiers",
        '[[{"label":"LABEL_0","score":0.9},{"label":"LABEL_1","score":0.1}]]',
        r"it holds no list of objects, one per sample\. Write one object per line, such as",
        file="predictions.json",
    ),
    codes(
        "Hugging Face, Trainer.predict",
        "huggingface.co, PredictionOutput; predictions are logits",
        "id,label,LABEL_0,LABEL_1\ns1,0,2.2,-2.2\ns2,1,-0.4,0.45\n",
        "id",
        "label",
        call={"input": "logits"},
        values=LOGITS,
    ),
    refused(
        "Hugging Face, run_glue.py",
        "huggingface/transformers, examples; no probabilities",
        "index\tprediction\ns1\tnormal\ns2\ttumor\n",
        r"'prediction' holds predicted classes, and no column holds outputs\. Write columns such "
        r"as 'prob_normal'",
        file="predict_results.tsv",
        id="index",
        classes=LABELS,
    ),
    classes(
        "fastai, get_preds",
        "docs.fast.ai, Learner.get_preds",
        "fname,normal,tumor\ns1,0.9,0.1\ns2,0.3,0.7\n",
        "fname",
    ),
    lone(
        "Keras, one sigmoid",
        "keras.io, Model.predict",
        "filename,prediction\ns1.png,0.1\ns2.png,0.7\n",
        "filename",
        ids=("s1.png", "s2.png"),
    ),
    refused(
        "timm, inference.py",
        "huggingface/pytorch-image-models, inference.py",
        "filename,label,prob\ns1.png,normal,0.9\ns2.png,tumor,0.7\n",
        PREDICTED.format("prob", "label"),
        id="filename",
        classes=LABELS,
        positive="tumor",
    ),
    refused(
        "timm, inference.py, the best of each row",
        "huggingface/pytorch-image-models, inference.py; prob_0 is the largest",
        "filename,index_0,index_1,prob_0,prob_1\ns1.png,0,1,0.9,0.1\ns2.png,1,0,0.7,0.3\n",
        r"label '0' may belong to any of the columns \['index_0', 'prob_0'\]\. Say which",
        id="filename",
        classes=[0, 1],
    ),
    codes(
        "Lightning, a writer of logits",
        "usual code",
        "id,logit_0,logit_1\ns1,2.2,-2.2\ns2,-0.4,0.45\n",
        "id",
        call={"input": "logits"},
        values=LOGITS,
    ),
    refused(
        "MONAI, CSVSaver",
        "Project-MONAI/MONAI, monai/data/csv_saver.py",
        "s1.nii.gz,0.9,0.1\ns2.nii.gz,0.3,0.7\n",
        NO_HEADER,
    ),
    codes(
        "MedMNIST, save_results",
        "MedMNIST/MedMNIST, medmnist/evaluator.py",
        "\ufeffid,true_0,score_0,score_1\ns1,0,0.9,0.1\ns2,1,0.3,0.7\n",
        "id",
        "true_0",
    ),
    refused(
        "MedMNIST, Evaluator.evaluate",
        "MedMNIST/MedMNIST, medmnist/evaluator.py",
        "0,0.9,0.1\n1,0.3,0.7\n",
        NO_HEADER,
    ),
    # pathology
    Writer(
        "CLAM, main.py",
        "mahmoodlab/CLAM, main.py, utils/core_utils.py",
        {
            name: {"slide_id": np.array(name), "prob": np.array([p]), "label": k}
            for k, (name, p) in enumerate(zip(["s1", "s2"], PROBA, strict=True))
        },
        {"classes": LABELS},
        "split_0_results.pkl",
        "read_clam",
        y=LABELS,
    ),
    Writer(
        "CLAM, eval.py",
        "mahmoodlab/CLAM, utils/eval_utils.py",
        "slide_id,Y,Y_hat,p_0,p_1\ns1,0.0,0.0,0.9,0.1\ns2,1.0,1.0,0.3,0.7\n",
        {"classes": LABELS},
        "fold_0.csv",
        "read_clam",
        y=LABELS,
    ),
    Writer(
        "CLAM, eval.py, as a table",
        "mahmoodlab/CLAM, utils/eval_utils.py",
        "slide_id,Y,Y_hat,p_0,p_1\ns1,0.0,0.0,0.9,0.1\ns2,1.0,1.0,0.3,0.7\n",
        {"label": "Y"},
        "fold_0.csv",
        classes=["0.0", "1.0"],
        y=["0.0", "1.0"],
    ),
    codes(
        "nnMIL, two classes",
        "Luoxd1996/nnMIL, inference/predictors/classification_predictor.py",
        "slide_id,patient_id,dataset,label,prediction,probability\ns1,p1,a,0,0,0.1\ns2,p2,a,1,1,0.7\n",
        "slide_id",
        "label",
        call={"positive": 1},
        file="results_simple_mil.csv",
    ),
    Writer(
        "nnMIL, several classes",
        "Luoxd1996/nnMIL, inference/predictors/classification_predictor.py",
        "slide_id,patient_id,dataset,label,prediction,probability_class_0,probability_class_1,"
        "probability_class_2,MI,H_mean\ns1,p1,a,0,0,0.8,0.1,0.1,0.02,0.4\n"
        "s2,p2,a,1,1,0.2,0.7,0.1,0.03,0.6\n",
        {},
        "results_simple_mil.csv",
        "read_nnmil",
        values=THREE,
        classes=[0, 1, 2],
        y=CODES,
    ),
    events(
        "nnMIL, survival",
        "Luoxd1996/nnMIL, inference/predictors/survival_predictor.py",
        "slide_id,patient_id,dataset,status,time,risk_score,MI,H_mean,H_chunk_0,H_chunk_1\n"
        "p1,q1,a,1,14.0,0.3,0.02,0.4,0.1,0.2\np2,q2,a,0,30.0,-0.8,0.03,0.6,0.1,0.1\n",
        [[0.3], [-0.8]],
        "slide_id",
        call={"event": "status", "time": "time", "columns": "risk_score"},
    ),
    Writer(
        "Slideflow MIL, slides",
        "slideflow/slideflow, slideflow/mil/eval.py",
        "slide,y_true,y_pred0,y_pred1\ns1,0,0.9,0.1\ns2,1,0.3,0.7\n",
        {"classes": LABELS},
        "predictions.parquet",
        "read_slideflow",
        y=LABELS,
    ),
    codes(
        "Slideflow MIL, patients",
        "slideflow/slideflow, slideflow/mil/eval.py",
        "patient,y_true,y_pred0,y_pred1,uncertainty0,uncertainty1\n"
        "s1,0,0.9,0.1,0.01,0.01\ns2,1,0.3,0.7,0.02,0.02\n",
        "patient",
        "y_true",
        file="predictions.parquet",
    ),
    Writer(
        "Slideflow MIL, survival",
        "slideflow/slideflow, slideflow/mil/eval.py; y_pred0 is minus the risk",
        "slide,y_true0,y_true1,y_pred0\np1,14.0,1.0,-0.3\np2,30.0,0.0,0.8\n",
        {},
        "predictions.parquet",
        "read_slideflow",
        values=[[0.3], [-0.8]],
        classes=None,
        y=EVENTS,
        ids=("p1", "p2"),
    ),
    Writer(
        "Slideflow, models of tiles",
        "slideflow/slideflow, slideflow/stats/metrics.py",
        "slide,diagnosis-y_pred0,diagnosis-y_pred1,diagnosis-y_true\ns1,0.9,0.1,0.0\ns2,0.3,0.7,1.0\n",
        {"classes": LABELS},
        "slide_predictions_diagnosis.parquet.gzip",
        "read_slideflow",
        y=LABELS,
    ),
    refused(
        "Slideflow, tiles themselves",
        "slideflow/slideflow, slideflow/stats/metrics.py",
        "slide,loc_x,loc_y,diagnosis-y_pred0,diagnosis-y_pred1,diagnosis-y_true,patient\n"
        "s1,10,20,0.9,0.1,0,p1\ns1,30,20,0.8,0.2,0,p1\ns2,10,20,0.3,0.7,1,p2\n",
        r"row 1 .*: id 's1' is there twice, first in row 0\. Keep one row per sample, or pass "
        r"average=True for the mean over its rows\.",
        file="tile_predictions_diagnosis.parquet",
        id="slide",
        label="diagnosis-y_true",
        group="patient",
    ),
    refused(
        "Slideflow, Cox models of tiles",
        "slideflow/slideflow, slideflow/stats/metrics.py; higher is later",
        "slide,time-y_pred,event-y_true,time-y_true\np1,-0.3,1.0,14.0\np2,0.8,0.0,30.0\n",
        r"column 'time-y_pred' says by its name that it is higher for later events, but a risk is "
        r"higher for earlier ones\. Write minus it to a column such as 'risk'",
        id="slide",
        input="risk",
        event="event-y_true",
        time="time-y_true",
    ),
    Writer(
        "STAMP, classification",
        "KatherLab/STAMP, src/stamp/modeling/deploy.py",
        "PATIENT,diagnosis,pred,diagnosis_normal,diagnosis_tumor,loss\n"
        "s1,normal,normal,0.9,0.1,0.37\ns2,tumor,tumor,0.3,0.7,0.51\n",
        {},
        "split-0/patient-preds.csv",
        "read_stamp",
        y=LABELS,
    ),
    classes(
        "STAMP, as a table",
        "KatherLab/STAMP, src/stamp/modeling/deploy.py",
        "PATIENT,diagnosis,pred,diagnosis_normal,diagnosis_tumor,loss\n"
        "s1,normal,normal,0.9,0.1,0.37\ns2,tumor,tumor,0.3,0.7,0.51\n",
        "PATIENT",
        "diagnosis",
        file="patient-preds.csv",
    ),
    Writer(
        "STAMP, several targets",
        "KatherLab/STAMP, src/stamp/modeling/deploy.py",
        "PATIENT,KRAS,KRAS_G12C,pred_KRAS,KRAS_normal,KRAS_tumor,pred_KRAS_G12C,KRAS_G12C_no,"
        "KRAS_G12C_yes,loss\ns1,normal,no,normal,0.9,0.1,no,0.8,0.2,0.6\n"
        "s2,tumor,no,tumor,0.3,0.7,no,0.6,0.4,1.1\n",
        {"label": "KRAS"},
        "split-0/patient-preds.csv",
        "read_stamp",
        y=LABELS,
    ),
    Writer(
        "STAMP, survival",
        "KatherLab/STAMP, src/stamp/modeling/deploy.py",
        "PATIENT,pred_score,time,event,cut_off=0.12\np1,0.3,14.0,1,\np2,-0.8,30.0,0,\n",
        {},
        "split-0/patient-preds.csv",
        "read_stamp",
        values=[[0.3], [-0.8]],
        classes=None,
        y=EVENTS,
        ids=("p1", "p2"),
    ),
    refused(
        "STAMP, regression",
        "KatherLab/STAMP, src/stamp/modeling/deploy.py",
        "PATIENT,age,pred,loss\ns1,63,60.1,2.9\ns2,41,50.3,9.3\n",
        r"regression",
        file="split-0/patient-preds.csv",
        reader="read_stamp",
    ),
    classes(
        "marugoto",
        "KatherLab/marugoto, marugoto/mil/helpers.py",
        "PATIENT,diagnosis,diagnosis_normal,diagnosis_tumor,pred,loss\n"
        "s1,normal,0.9,0.1,normal,0.105\ns2,tumor,0.3,0.7,tumor,0.357\n",
        "PATIENT",
        "diagnosis",
        file="patient-preds.csv",
    ),
    Writer(
        "MCAT, Patch-GCN, PORPOISE",
        "mahmoodlab/MCAT, utils/coattn_train_utils.py",
        {
            name: {
                "slide_id": np.array(name),
                "risk": risk,
                "disc_label": 0,
                "survival": time,
                "censorship": censored,
            }
            for name, risk, time, censored in [("p1", 0.3, 14.0, 0.0), ("p2", -0.8, 30.0, 1.0)]
        },
        {},
        "split_latest_val_0_results.pkl",
        "read_mcat",
        values=[[0.3], [-0.8]],
        classes=None,
        y=EVENTS,
        ids=("p1", "p2"),
    ),
    Writer(
        "SurvPath",
        "mahmoodlab/SurvPath, utils/core_utils.py",
        {
            name: {"time": time, "risk": risk, "censorship": censored}
            for name, risk, time, censored in [("p1", 0.3, 14.0, 0.0), ("p2", -0.8, 30.0, 1.0)]
        },
        {},
        "split_0_results.pkl",
        "read_mcat",
        values=[[0.3], [-0.8]],
        classes=None,
        y=EVENTS,
        ids=("p1", "p2"),
    ),
    codes(
        "HistoBistro, test_step",
        "peng-lab/HistoBistro, classifier.py",
        ",patient,ground_truth,prediction,logits,correct\n"
        "0,s1,0,0,\"tensor([2.2, -2.2], device='cuda:0')\",1\n"
        "1,s2,1,1,\"tensor([-0.4, 0.45], device='cuda:0')\",1\n",
        "patient",
        "ground_truth",
        call={"input": "logits"},
        values=LOGITS,
    ),
    codes(
        "TransMIL, DSMIL, tables of users",
        "szc19990412/TransMIL, binli123/dsmil-wsi write metrics alone",
        "slide_id,label,prob_0,prob_1\ns1,0,0.9,0.1\ns2,1,0.3,0.7\n",
        "slide_id",
        "label",
    ),
    codes(
        "TIAToolbox, PatchPredictor",
        "TissueImageAnalytics/tiatoolbox",
        'coordinates,predictions,probabilities\n"[0, 0, 224, 224]",0,"[0.9, 0.1]"\n'
        '"[224, 0, 448, 224]",1,"[0.3, 0.7]"\n',
        "coordinates",
        call={"classes": CODES},
        ids=("[0, 0, 224, 224]", "[224, 0, 448, 224]"),
    ),
    classes(
        "QuPath, measurements",
        "qupath.readthedocs.io, exporting measurements",
        "Image\tName\tClass\tProbability: normal\tProbability: tumor\n"
        "s1\tPathDetection\tnormal\t0.9\t0.1\ns2\tPathDetection\ttumor\t0.3\t0.7\n",
        "Image",
        "Class",
        file="measurements.tsv",
    ),
    lone(
        "A score for each slide",
        "readers on the market",
        "Slide Name,Score\ns1,0.1\ns2,0.7\n",
        "Slide Name",
    ),
    # competitions
    refused(
        "Kaggle, its column taken for the truth",
        "kaggle.com",
        "id,target\ns1,0.1\ns2,0.7\n",
        r"column 'target' \(label\) holds numbers such as \['0\.1', '0\.7'\], hardly any of them "
        r"twice: these are no classes\. Name the column of the true classes with label=",
        id="id",
        label="target",
    ),
    lone("Kaggle, two classes", "kaggle.com", "id,target\ns1,0.1\ns2,0.7\n", "id"),
    classes(
        "Kaggle, several classes",
        "kaggle.com, Otto Group Product Classification",
        "id,Class_1,Class_2,Class_3\ns1,0.8,0.1,0.1\ns2,0.2,0.7,0.1\n",
        "id",
        values=THREE,
        classes=[1, 2, 3],
    ),
    refused(
        "CAMELYON16",
        "camelyon16.grand-challenge.org, evaluation",
        "Test_001.tif,0.1\nTest_002.tif,0.7\n",
        NO_HEADER,
    ),
    refused(
        "CAMELYON17",
        "camelyon17.grand-challenge.org; no probabilities",
        "patient,stage\npatient_000_node_0.tif,negative\npatient_001_node_1.tif,macro\n",
        r"label\(s\) \['macro', 'negative'\] have no column among \['patient', 'stage'\]\.",
        id="patient",
        label="stage",
    ),
    # survival
    refused(
        "survival (R), status 1 and 2",
        "CRAN survival, coxph; 2 is an event in its data",
        '"","time","status","lp"\n"p1",14,2,0.3\n"p2",30,1,-0.8\n',
        r"line 2 .*: event '2' in column 'status' is neither 0 nor 1\. Write 1 where the event was "
        r"observed, 0 where it was not\.",
        id="",
        input="risk",
        event="status",
        time="time",
    ),
    events(
        "survival (R), predict(type='lp')",
        "CRAN survival, predict.coxph",
        '"","time","event","lp"\n"p1",14,TRUE,0.3\n"p2",30,FALSE,-0.8\n',
        [[0.3], [-0.8]],
        "",
        call=TRUTH,
    ),
    events(
        "mlr3proba, as.data.table(prediction)",
        "mlr-org/mlr3proba, PredictionSurv",
        "row_ids,time,status,crank,lp\n1,14,TRUE,0.3,0.3\n2,30,FALSE,-0.8,-0.8\n",
        [[0.3], [-0.8]],
        "row_ids",
        ids=("1", "2"),
        call={"event": "status", "time": "time", "columns": "lp"},
    ),
    events(
        "pec (R), predictSurvProb",
        "CRAN pec, predictSurvProb",
        '"","12","24","36"\n"p1",0.8,0.5,0.3\n"p2",0.95,0.9,0.85\n',
        [[0.8, 0.5, 0.3], [0.95, 0.9, 0.85]],
        "",
        times=[12, 24, 36],
    ),
    events(
        "ranger, predict()$survival",
        "CRAN ranger; times are in $unique.death.times",
        '"","V1","V2"\n"p1",0.98,0.7\n"p2",0.9,0.2\n',
        [[0.98, 0.7], [0.9, 0.2]],
        "",
        times=[12, 24],
        call={"columns": {12: "V1", 24: "V2"}},
    ),
    events(
        "scikit-survival, predict_survival_function(return_array=True)",
        "usual code",
        "id,S_6.0,S_12.0,S_24.0\np1,0.95,0.8,0.5\np2,0.99,0.95,0.9\n",
        [[0.95, 0.8, 0.5], [0.99, 0.95, 0.9]],
        "id",
        times=[6, 12, 24],
    ),
    events(
        "lifelines, predict_partial_hazard",
        "lifelines.readthedocs.io",
        ",0\np1,1.35\np2,0.45\n",
        [[1.35], [0.45]],
        "",
    ),
    refused(
        "lifelines, predict_survival_function",
        "lifelines.readthedocs.io; rows are times",
        ",0,1\n6.0,0.95,0.99\n12.0,0.8,0.95\n",
        r"time 0 is not positive\. Drop its column; if rows are times, write a row for each sample "
        r"instead \(frame\.T\)\.",
        id="",
        input="survival",
    ),
    refused(
        "pycox, predict_surv_df, of some samples",
        "havakv/pycox; rows are times",
        "duration,17,25\n6.0,0.95,0.99\n12.0,0.8,0.95\n",
        r"survival rises from 0\.95 at time 17 to 0\.99 at 25\. .* if rows are times, write a row "
        r"for each sample \(frame\.T\)\.",
        id="duration",
        input="survival",
    ),
    refused(
        "AutoPrognosis, risk estimation",
        "vanderschaarlab/autoprognosis; probabilities of the event",
        ",365,730\np1,0.2,0.5\np2,0.05,0.1\n",
        r"line 2 .*: survival rises from 0\.2 at time 365 to 0\.5 at 730\. If these are "
        r"probabilities of the event until then, write 1 minus them",
        id="",
        input="survival",
    ),
    refused(
        "tidymodels, censored regression",
        "parsnip, augment; a row for each time",
        "id,.eval_time,.pred_survival\np1,12,0.8\np1,24,0.5\n",
        r"columns \['\.eval_time', '\.pred_survival'\] do not name times in a single way",
        id="id",
        input="survival",
    ),
    refused(
        "MCAT, as a table",
        "mahmoodlab/MCAT",
        "slide_id,risk,survival,censorship\np1,0.3,14,0\np2,-0.8,30,1\n",
        r"column 'censorship' says by its name that it is 1 where no event was observed\. Write 1 "
        r"minus it to a column such as 'event', and name that\.",
        input="risk",
        event="censorship",
        time="survival",
    ),
    # spreadsheets
    classes(
        "Excel, German",
        "Excel, CSV with semicolons and decimal commas",
        "Patient;Diagnose;Wahrscheinlichkeit_normal;Wahrscheinlichkeit_tumor\n"
        "s1;normal;0,9;0,1\ns2;tumor;0,3;0,7\n",
        "Patient",
        "Diagnose",
    ),
    classes(
        "Excel, a workbook",
        "Excel",
        "Patient,Diagnosis,normal,tumor\ns1,normal,0.9,0.1\ns2,tumor,0.3,0.7\n",
        "Patient",
        "Diagnosis",
        file="predictions.xlsx",
    ),
    classes(
        "pandas, to_feather",
        "pandas.pydata.org",
        "id,label,p_normal,p_tumor\ns1,normal,0.9,0.1\ns2,tumor,0.3,0.7\n",
        "id",
        "label",
        file="predictions.feather",
    ),
    classes(
        "NumPy, savez of columns",
        "numpy.org",
        "id,label,p_normal,p_tumor\ns1,normal,0.9,0.1\ns2,tumor,0.3,0.7\n",
        "id",
        "label",
        file="predictions.npz",
    ),
]


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.name)
def test_writer(writer, tmp_path):
    if writer.refused is not None:
        with pytest.raises(ValueError, match=f"(?s){writer.refused}"):
            writer.read(tmp_path)
        return
    outputs = writer.read(tmp_path)
    assert outputs.ids.tolist() == list(writer.ids)
    values = outputs.values if outputs.values.ndim == 2 else outputs.values[:, 0]
    shown = list(range(values.shape[1]))
    if writer.classes is not None:
        assert sorted(outputs.classes.tolist()) == sorted(writer.classes)
        shown = [outputs.classes.tolist().index(label) for label in writer.classes]
    np.testing.assert_allclose(values[:, shown], writer.values, rtol=1e-12)
    assert (None if outputs.y is None else outputs.y.tolist()) == writer.y
    if writer.times is not None:
        assert outputs.times.tolist() == writer.times


def test_the_table_of_the_documentation_is_of_today(monkeypatch):
    pytest.importorskip("openpyxl")
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    spec = importlib.util.spec_from_file_location("writers", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    with script.PAGE.open(encoding="utf-8", newline="") as file:
        page = list(csv.DictReader(file))
    assert len(page) >= 60
    assert [row["writer"] for row in page] == [script.escaped(writer.name) for writer in WRITERS]
    for row, writer in zip(page, WRITERS, strict=True):
        if writer.refused is None:
            assert row["what to type"] == script.typed(writer)
        assert row["file"] == f"``{writer.file}``"
