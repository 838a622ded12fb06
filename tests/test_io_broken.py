"""Broken tables: one line that names the file, the place, the expert and the remedy."""

import gzip
import re
import zipfile

import numpy as np
import pandas as pd
import pytest

from sklearn_logitprod.io import read_tables

HEAD = "slide_id,label,prob_n,prob_t\n"
ROWS = "s1,n,0.9,0.1\ns2,t,0.2,0.8\ns3,n,0.6,0.4\n"
UNI = r"uni\.csv \(expert 'uni'\): "


def line(number, name="uni"):
    return rf"{name}\.csv, line {number} \(expert '{name}'\): "


def csv(text, **params):
    """Read a broken file after a sound one."""

    def read(folder):
        (folder / "conch.csv").write_text(HEAD + ROWS)
        content = text if isinstance(text, bytes) else text.encode()
        (folder / "uni.csv").write_bytes(content)
        kwargs = {"label": "label", **params}
        return read_tables([folder / "conch.csv", folder / "uni.csv"], **kwargs)

    return read


def alone(name, content, **params):
    """Read one file alone."""

    def read(folder):
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_tables({"uni": folder / name}, **{"label": "label", **params})

    return read


def npz(**arrays):
    def read(folder):
        np.savez(folder / "uni.npz", **arrays)
        return read_tables([folder / "uni.npz"], label="label")

    return read


def archive(members):
    def read(folder):
        with zipfile.ZipFile(folder / "uni.npz", "w") as file:
            for name, content in members.items():
                file.writestr(name, content)
        return read_tables([folder / "uni.npz"], label="label")

    return read


def parquet(folder, cut=0, **columns):
    path = folder / "uni.parquet"
    good = {
        "slide_id": ["s1", "s2"],
        "label": ["n", "t"],
        "prob_n": [0.9, 0.2],
        "prob_t": [0.1, 0.8],
    }
    pd.DataFrame({**good, **columns}).to_parquet(path)
    path.write_bytes(path.read_bytes()[: -cut or None])
    return read_tables([path], label="label")


def survival(text, **params):
    return alone("uni.csv", text, **{"label": None, "event": "event", "time": "time", **params})


def two_folds(folder, label="n", **params):
    """Read an expert of two files that share a sample."""
    (folder / "a.csv").write_text(HEAD + ROWS)
    (folder / "b.csv").write_text(HEAD + f"s1,{label},0.7,0.3\n")
    paths = {"uni": [folder / "a.csv", folder / "b.csv"]}
    return read_tables(paths, label="label", **params)


CASES = {
    # found by fuzzing
    "text of no characters in npz": (
        npz(slide_id=np.array([2**31], dtype=np.uint32).view("U1"), p_n=np.zeros(1)),
        r"uni\.npz \(expert 'uni'\): array 'slide_id' has dtype <U1\. Save numbers or text\.",
    ),
    "files that are no arrays in npz": (
        archive({"slide_id": b"s1", "p_n": b"0.5"}),
        r"uni\.npz \(expert 'uni'\): this is no complete npz file \(it holds files that are no "
        r"arrays\)\. Copy it again\.",
    ),
    "bytes that are no text in Parquet": (
        lambda folder: parquet(folder, slide_id=[b"s1", b"\x93"]),
        r"uni\.parquet, row 1 \(expert 'uni'\): b'\\x93' in column 'slide_id' is no UTF-8 text\. ",
    ),
    # what the file is
    "absent": (
        lambda d: read_tables([d / "uni.csv"]),
        UNI + r"there is no such file\. Check the path\.",
    ),
    "unknown format": (
        alone("uni.txt", "x"),
        r"uni\.txt \(expert 'uni'\): this format is not known\. The formats are \.csv, \.tsv "
        r"\(both also \.gz\), \.parquet, \.feather, \.jsonl, \.json, \.xlsx and \.npz\.",
    ),
    "empty file": (csv(""), UNI + r"the file is empty\. Write it anew\."),
    "only a byte order mark": (csv("\ufeff\n"), UNI + r"the file is empty\. Write it anew\."),
    "only a header": (csv(HEAD), UNI + r"there are columns but no rows\. Write the file anew\."),
    "Latin-1": (
        csv((HEAD + "Größe,n,0.9,0.1\n").encode("latin1")),
        UNI + r"this is no UTF-8 text \(byte \d+\)\. Save it as CSV in UTF-8\.",
    ),
    "UTF-16": (
        csv((HEAD + ROWS).encode("utf-16")),
        UNI + r"this is no UTF-8 text \(byte 0\)\. Save it as CSV in UTF-8\.",
    ),
    "truncated gzip": (
        alone("uni.csv.gz", gzip.compress((HEAD + ROWS).encode())[:-9]),
        r"uni\.csv\.gz \(expert 'uni'\): this is no complete gzip file \(.+\)\. Copy the file "
        r"again\.",
    ),
    "open quote": (
        csv(HEAD + 's1,n,0.9,0.1\n"s2,t,0.2,0.8\n'),
        UNI + r"line 3 cannot be read \(.+\)\. Look for an open quote there\.",
    ),
    "two separators": (
        alone("uni.csv", "slide,label;prob_n,prob_t\n1,2;3,4\n"),
        UNI + r"columns may be separated by comma or semicolon\. Write the file with one of them "
        r"alone\.",
    ),
    "truncated Parquet": (
        lambda d: parquet(d, cut=40),
        r"uni\.parquet \(expert 'uni'\): this is no complete Parquet file \(.+\)\. Copy the file "
        r"again\.",
    ),
    "truncated npz": (
        alone("uni.npz", b"PK\x03\x04 half a file"),
        r"uni\.npz \(expert 'uni'\): this is no complete npz file \(.+\)\. Copy it again\.",
    ),
    "pickled objects in npz": (
        npz(slide_id=np.array(["s1", None])),
        r"uni\.npz \(expert 'uni'\): an array holds pickled objects, which may run code\. Save "
        r"text with np\.array\(\.\.\., dtype=str\) and numbers as floats\.",
    ),
    "arrays of other lengths": (
        npz(slide_id=np.array(["a", "b"]), label=np.arange(3)),
        r"uni\.npz \(expert 'uni'\): arrays differ in length: .*\. Save one entry per row in "
        r"each\.",
    ),
    "logits where probabilities are due": (
        npz(slide_id=np.array(["a"]), logits=np.zeros((1, 2)), label=np.arange(1)),
        r"uni\.npz \(expert 'uni'\): array 'logits' has shape \(1, 2\)\. For that array use "
        r"input='logits'\.",
    ),
    # rows and columns
    "id column missing": (
        csv("slide,label,prob_n,prob_t\n" + ROWS),
        UNI
        + r"there is no column 'slide_id'; there are \['slide', 'label', 'prob_n', 'prob_t'\]\. "
        r"Name the right one with id=\.\.\.",
    ),
    "label column missing": (
        alone("uni.csv", "slide_id,y,prob_n,prob_t\n" + ROWS),
        UNI
        + r"there is no column 'label'; there are \[.*\]\. Name the right one with label=\.\.\.",
    ),
    "named column missing": (
        csv(HEAD + ROWS, columns={"n": "p_n", "t": "p_t"}),
        r"conch\.csv \(expert 'conch'\): there is no column 'p_n'; there are \[.*\]\. Name the "
        r"right one with columns=\.\.\.",
    ),
    "column twice": (
        csv("slide_id,label,prob_n,prob_n\n" + ROWS),
        UNI + r"the column 'prob_n' is there twice\. Rename one of them\.",
    ),
    "row too long": (
        csv(HEAD + "s1,n,0.9,0.1\ns2,t,0.2,0.8,9\n"),
        line(3)
        + r"5 cells under a header of 4 columns\. Quote cells that hold the separator\. Numbers "
        r"take decimal points, not commas\.",
    ),
    "unquoted decimal commas": (
        csv(HEAD + "s1,n,0,9,0,1\n"),
        line(2)
        + r"6 cells under a header of 4 columns\. .* Numbers take decimal points, not commas\.",
    ),
    "commas of thousands, or of decimals": (
        csv(HEAD.replace(",", ";") + "s1;n;1,234;0,1\n"),
        line(2)
        + r"'1,234' in column 'prob_n' is no number\. Write decimal points in all numbers, and no "
        r"other commas or points\.",
    ),
    "text in a cell": (
        csv(HEAD + "s1,n,0.9,0.1\n\ns2,t,high,0.8\n"),
        line(4)
        + r"'high' in column 'prob_n' is no number\. Correct the cell, or leave it empty where the "
        r"expert is missing\.",
    ),
    "percent sign": (
        csv(HEAD + "s1,n,90%,10%\n"),
        line(2)
        + r"'90%' in column 'prob_n' is no number\. It is a percentage: divide by 100 and drop the "
        r"sign\.",
    ),
    "id twice": (
        csv(HEAD + ROWS + "s2,t,0.3,0.7\n"),
        line(5) + r"id 's2' is there twice, first in line 3\. Keep one row per sample, or pass "
        r"average=True for the mean over its rows\.",
    ),
    "empty id": (
        csv(HEAD + "s1,n,0.9,0.1\n,t,0.2,0.8\n"),
        line(3)
        + r"column 'slide_id' \(id\) is empty in 1 of 2 rows, here first\. Fill in the cell or "
        r"remove the row\.",
    ),
    "no id in common": (
        csv(HEAD + ROWS.replace("s", "S")),
        r"conch\.csv \(expert 'conch'\): no id is in any other file: here they look like 's1', in "
        r".*uni\.csv like 'S1'\. Write ids alike in all files; they are compared as text, letter "
        r"by letter\.",
    ),
    "leading zeros": (
        csv(HEAD + ROWS.replace("s", "0")),
        r"no id is in any other file: here they look like 's1', in .*uni\.csv like '01'\. Write "
        r"ids alike",
    ),
    # values
    "percent": (
        csv(HEAD + "s1,n,90,10\ns2,t,20,80\n"),
        line(2) + r"90 for 'n' is no probability but looks like percent\. Divide by 100\.",
    ),
    "logits": (
        csv(HEAD + "s1,n,2.0,-1.0\n"),
        line(2)
        + r"2 for 'n' lies outside \[0, 1\]\. Correct it, or pass input='logits' if these are "
        r"logits\.",
    ),
    "sum": (
        csv(HEAD + "s1,n,0.9,0.1\ns2,t,0.2,0.7\n"),
        line(3)
        + r"the probabilities of \['n', 't'\] sum to 0\.9 instead of 1\. Normalise them, name the "
        r"columns of all classes with columns=\.\.\., or pass input='logits' for scores\.",
    ),
    "a class left out": (
        csv("slide_id,label,n,t,other\ns1,n,0.5,0.1,0.4\ns2,t,0.2,0.7,0.1\n"),
        line(2)
        + r"the probabilities of \['n', 't'\] sum to 0\.6 instead of 1\. .*name the columns of all "
        r"classes with columns=",
    ),
    "part of a row": (
        csv(HEAD + "s1,n,,0.1\n"),
        line(2)
        + r"no value for \['n'\], but for others\. Fill it in, or leave the whole row empty where "
        r"the expert is missing\.",
    ),
    "infinite logits": (
        alone("uni.csv", "slide_id,label,a,b\ns1,a,inf,0\ns2,b,0,0\n", input="logits"),
        line(2) + r"inf for 'a' is infinite\. Clip it to a large finite value\.",
    ),
    "no expert at all": (
        alone("uni.csv", HEAD + "s1,n,,\ns2,t,0.1,0.9\n"),
        line(2) + r"no expert has a value for id 's1'\. Remove the row from all files\.",
    ),
    "number missing in Parquet": (
        lambda d: parquet(d, prob_n=[0.9, None]),
        r"uni\.parquet, row 1 \(expert 'uni'\): no value for \['n'\], but for others\. Fill it in",
    ),
    # labels and classes
    "swapped labels": (
        csv(HEAD + "s1,t,0.9,0.1\ns2,n,0.2,0.8\ns3,n,0.6,0.4\n"),
        line(2)
        + r"the label of id 's1' is 't', but 'n' in .*conch\.csv, line 2\. Correct one of them\.",
    ),
    "labels written unlike": (
        csv(HEAD + "s1,,0.9,0.1\ns2,T ,0.2,0.8\n", how="outer"),
        line(3) + r"label 'T ' is written 't' in .*conch\.csv\. Write labels alike in all files\.",
    ),
    "numbers in the order of text": (
        alone("uni.csv", "slide_id,label,p_0,p_1\ns,2.0,0.9,0.1\nt,10.0,0.2,0.8\n"),
        UNI + r"label\(s\) \['10\.0', '2\.0'\] have no column among \['p_0', 'p_1'\]\. Say which "
        r"column is which, such as columns=",
    ),
    "empty label": (
        csv(HEAD + "s1,n,0.9,0.1\ns2,,0.2,0.8\n"),
        line(3)
        + r"column 'label' \(label\) is empty in 1 of 2 rows, here first\. Fill in the cell or "
        r"remove the row\.",
    ),
    "group in no file": (
        csv("slide_id,label,case,prob_n,prob_t\ns1,n,c,0.5,0.5\n", group="case", how="outer"),
        r"conch\.csv, line 3 \(expert 'conch'\): the group of id 's2' is in no file\. Add the "
        r"column to this file, too\.",
    ),
    "a lone score": (
        alone("uni.csv", "slide_id,label,score\ns,MSS,0.9\nt,MSI-H,0.2\n"),
        UNI + r"'score' is the only column of outputs, and its name does not say whether it is the "
        r"probability of 'MSI-H' or of 'MSS'\. Pass positive='MSS' \(or positive='MSI-H'\), or "
        r"call the column 'prob_MSS'\.",
    ),
    **{
        f"a lone score of the rest, {name}": (
            alone("uni.csv", f"slide_id,label,{name}\ns,tumour,0.9\nt,normal,0.2\n"),
            UNI + rf"'{name}' is the only column of outputs, and its name does not say whether",
        )
        for name in ("tumour_free_prob", "prob_absence_of_tumour", "tumour_negative", "1-p_tumour")
    },
    "a lone score of something else": (
        alone("uni.csv", "slide_id,label,prob_non_tumour\ns,tumour,0.9\nt,normal,0.2\n"),
        UNI + r"'prob_non_tumour' is the only column of outputs, and its name does not say whether",
    ),
    "a lone code against positive": (
        alone("uni.csv", "slide_id,label,prob_0\ns,t,0.9\nt,n,0.2\n", positive="t"),
        UNI
        + r"column 'prob_0' would be of 'n' by its number, but positive='t'\. Say which column is "
        r"which, such as columns=\{'t': 'prob_0'\}\.",
    ),
    "positive that is no label": (
        alone("uni.csv", HEAD + ROWS, positive="tumour"),
        r"positive='tumour' is none of the labels \['n', 't'\]\.",
    ),
    "columns of an expert that is not there": (
        csv(HEAD + ROWS, columns={"virchow": {"n": "prob_n", "t": "prob_t"}}),
        r"columns=\.\.\. names \['virchow'\], but the experts are \['conch', 'uni'\]\. Name them "
        r"as the files are named\.",
    ),
    "a pattern of no file": (
        lambda d: read_tables({"uni": d / "fold*.csv"}),
        r"no file is called '.*fold\*\.csv' \(expert 'uni'\)\. Check the pattern\.",
    ),
    "no files of an expert": (
        lambda d: read_tables({"uni": []}),
        r"expert 'uni' has an empty list of files\. Name its files\.",
    ),
    "a sample in two folds": (
        lambda d: two_folds(d),
        r"b\.csv, line 2 \(expert 'uni'\): id 's1' is there twice, first in .*a\.csv, line 2\. "
        r"Keep one row per sample, or pass average=True",
    ),
    "a sample of two labels": (
        lambda d: two_folds(d, "t", average=True),
        r"b\.csv, line 2 \(expert 'uni'\): labels of id 's1' differ between its rows, first in "
        r".*a\.csv, line 2\. Correct one of them\.",
    ),
    "a frame without a name": (
        lambda d: read_tables([pd.DataFrame({"slide_id": ["s"], "a": [1], "b": [0]})]),
        r"a list holds a data frame, whose expert has no name: pass \{'uni': frame, \.\.\.\}\.",
    ),
    "an array in place of a file": (
        lambda d: read_tables({"uni": np.zeros((2, 2))}),
        r"frame of 'uni' \(expert 'uni'\): this is a ndarray, expected a path or a data frame",
    ),
    "JSON of something else": (
        alone("uni.jsonl", '[{"a": 1}]'),
        r"uni\.jsonl \(expert 'uni'\): it holds no list of objects, one per sample\. Write one "
        r"object per line, such as \{",
    ),
    "truncated JSON": (
        alone("uni.jsonl", '{"a": 1'),
        r"uni\.jsonl \(expert 'uni'\): this is no complete JSON \(.*\)\. Write the file anew\.",
    ),
    "damaged workbook": (
        alone("uni.xlsx", "x"),
        r"uni\.xlsx \(expert 'uni'\): this is no complete workbook \(.*\)\. Save it again\.",
    ),
    "suffixes": (
        csv(HEAD + ROWS.replace(",n,", ".svs,n,").replace(",t,", ".svs,t,")),
        r"no id is in any other file: here they look like 's1', in .*uni\.csv like 's1\.svs'\. "
        r"Pass id_strip='suffix': they are alike then\.",
    ),
    "what is not to be stripped": (
        csv(HEAD + ROWS, id_strip="dots"),
        r"id_strip='dots' is unknown; it is one of \['folder', 'suffix', 'zeros'\]\.",
    ),
    "label without column": (
        csv(HEAD + "s1,n,0.9,0.1\ns4,x,0.2,0.8\n"),
        r"conch\.csv \(expert 'conch'\): label\(s\) \['x'\] have no column among \['prob_n', "
        r"'prob_t'\]\. Say which column is which, such as columns=",
    ),
    "label outside classes": (
        csv(HEAD + "s1,m,0.9,0.1\n", classes=["n", "t"]),
        line(2)
        + r"label 'm' is none of classes=\['n', 't'\]\. Correct the label or leave such rows out\.",
    ),
    "other classes": (
        csv("slide_id,prob_n,prob_t,prob_x\ns1,0.5,0.4,0.1\n"),
        UNI
        + r"classes are \['n', 't', 'x'\], in .*conch\.csv they are \['n', 't'\]: \['x'\] in one "
        r"alone\. Give every expert all of them, or name the columns with columns=",
    ),
    "columns of two kinds": (
        alone("uni.csv", "slide_id,label,a_x,b_x,a_y,b_y\ns,a,1,0,1,0\nt,b,1,0,1,0\n"),
        UNI + r"label 'a' may belong to any of the columns \['a_x', 'a_y'\]\. Say which column is",
    ),
    "columns of the other kind": (
        alone("uni.csv", HEAD + ROWS, input="logits"),
        UNI
        + r"column 'prob_n' does not look like input='logits' by its name\. Pass the input that it "
        r"is, or name the columns with columns=",
    ),
    "further logits": (
        alone("uni.csv", "slide_id,label,a,b,c\ns,a,1,0,2\nt,b,1,0,2\n", input="logits"),
        UNI
        + r"columns \['c'\] may be classes beside \['a', 'b'\], or not\. Say which column is which",
    ),
    "list in another order": (
        csv(HEAD + ROWS, columns=["prob_t", "prob_n"]),
        r"columns=\['prob_t', 'prob_n'\] is in another order than the labels \['n', "
        r"'t'\]\. Say which",
    ),
    "list of another length": (
        csv(HEAD + ROWS, columns=["prob_t", "prob_n", "x"]),
        r"columns lists 3 columns for the 2 labels \['n', 't'\]\. Say which column is which",
    ),
    "list without labels": (
        csv(HEAD + ROWS, columns=["prob_t", "prob_n"], label=None),
        r"columns is a list, but without labels its order says nothing\. Pass columns=\{label: "
        r"column, \.\.\.\} or the class labels, classes=",
    ),
    "one column of three classes": (
        alone("uni.csv", "slide_id,label,p\ns,a,1\nt,b,1\nu,c,1\n"),
        UNI
        + r"'p' is the only numeric column, which is enough for two classes, but the labels are "
        r"\['a', 'b', 'c'\]\. Say",
    ),
    "one column without labels": (
        alone("uni.csv", "slide_id,p\ns,0.5\n", label=None),
        UNI + r"'p' is the only numeric column, and without labels its class is unknown\. Pass "
        r"columns=\{'other class': None, 'its class': 'p'\}\.",
    ),
    "no numeric column": (
        alone("uni.csv", "slide_id,p\ns,x\n", label=None),
        UNI
        + r"there is no numeric column among \['slide_id', 'p'\]\. Say which column is which, such "
        r"as columns=",
    ),
    "group column missing": (
        alone("uni.csv", HEAD + ROWS, group="case"),
        UNI + r"there is no column 'case'; there are \[.*\]\. Name the right one with group=\.\.\.",
    ),
    # survival
    "two risks": (
        survival("slide_id,event,time,a,b\ns,1,2,3,4\n", input="risk"),
        UNI
        + r"a risk is one numeric column, but there are \['a', 'b'\]\. Name it with columns='its "
        r"column'\.",
    ),
    "event": (
        survival("slide_id,event,time,a\ns,dead,2,3\n", input="risk"),
        line(2)
        + r"event 'dead' in column 'event' is neither 0 nor 1\. Write 1 where the event was "
        r"observed, 0 where it was not\.",
    ),
    "time zero": (
        survival("slide_id,event,time,a\ns,1,2,3\nt,1,0,3\n", input="risk"),
        line(3)
        + r"time 0 in column 'time' is not positive and finite\. Correct it or remove the row\.",
    ),
    "no times": (
        survival("slide_id,event,time,a,b\ns,1,2,3,4\n", input="survival"),
        UNI
        + r"columns \['a', 'b'\] do not name times in a single way, such as '12' or 't_12'\. Say "
        r"which column is which, such as columns=\{12: 'its column', 24: 'its column'\}\.",
    ),
    "survival above 1": (
        survival("slide_id,event,time,6,12\ns,1,2,1.5,-0.4\n", input="survival"),
        line(2)
        + r"1\.5 for 6\.0 lies outside \[0, 1\]\. Correct it, or pass input='hazard_logits' if "
        r"these are logits\.",
    ),
    # parameters
    "same name twice": (
        lambda d: read_tables([d / "a" / "uni.csv", d / "b" / "uni.csv"]),
        r"two experts would be named 'uni', after .*a.uni\.csv and .*b.uni\.csv: name them, such "
        r"as \{'uni': '.*uni\.csv', 'conch': '.*uni\.csv'\}\.",
    ),
    "no path": (lambda d: read_tables({}), r"no file was given: pass one file per expert\."),
    "event without time": (
        lambda d: read_tables([d / "a.csv"], input="risk", event="e"),
        r"event and time go together: name both columns, or neither\.",
    ),
    "labels of risks": (
        lambda d: read_tables([d / "a.csv"], input="risk", label="y"),
        r"input='risk' has events: name the columns event=\.\.\. and time=",
    ),
    "unknown how": (
        csv(HEAD + ROWS, how="left"),
        r"how='left' is unknown; it is 'inner' or 'outer'\.",
    ),
    "unknown input": (
        lambda d: read_tables([d / "a.csv"], input="probability"),
        r"input='probability' is unknown; it is one of \['proba', 'logits', ",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_broken_files_name_file_place_and_remedy(name, tmp_path):
    read, pattern = CASES[name]
    with pytest.raises(ValueError) as caught:
        read(tmp_path)
    assert re.fullmatch(f".*{pattern}.*", str(caught.value))
