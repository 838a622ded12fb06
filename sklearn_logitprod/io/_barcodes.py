"""Patients that several samples are of, as columns and identifiers tell."""

from __future__ import annotations

import re

import numpy as np

from sklearn_logitprod._text import option, warn

_PATIENTS = ("patient", "patientid", "patients", "case", "caseid", "subject", "subjectid")
# those of TCGA, of CPTAC and of GTEx
_BARCODE = re.compile(r"(TCGA-\w\w-\w{4}|C3[LN]-\d{5}|GTEX-[0-9A-Z]{4,5})(?=[-_.]|$)")


def patients_of(ids):
    """Patients as the identifiers of slides begin, if these are barcodes of public archives.

    Parameters
    ----------
    ids : sequence of str

    Returns
    -------
    ndarray of shape (n_ids,), str, or None
        The first three fields of TCGA's barcodes (``TCGA-02-0001`` of
        ``TCGA-02-0001-01Z-00-DX1``), the cases of CPTAC and the donors of GTEx; what is none
        of these as it is. None if no two identifiers are of one patient.

    Examples
    --------
    >>> from sklearn_logitprod.io._barcodes import patients_of
    >>> patients_of(["TCGA-02-0001-01Z-00-DX1", "TCGA-02-0001-01Z-00-DX2", "s3"]).tolist()
    ['TCGA-02-0001', 'TCGA-02-0001', 's3']
    >>> patients_of(["s1", "s2"])
    """
    texts = list(map(str, ids))
    found = [_BARCODE.match(text) for text in texts]
    known = [match[0] for match in found if match]
    if len(set(known)) == len(known):
        return None
    return np.array([m[0] if m else t for m, t in zip(found, texts, strict=True)], dtype=str)


def mention_barcodes(ids, path):
    """Say once that identifiers begin with barcodes of patients, whose rows depend on each other.

    Parameters
    ----------
    ids : sequence of str
    path : str
        Where they are, for the message.
    """
    patients = patients_of(ids)
    if patients is None:
        return
    names, counts = np.unique(patients, return_counts=True)
    most = names[np.argmax(counts)]
    warn(
        f"{path}: {len(patients)} ids are of {len(names)} patients, as they begin "
        f"({counts.max()} with {str(most)!r}), and rows of one patient are taken as independent. "
        f"Pass {option('group', 'a column of patients')} to keep them together."
    )


def mention_patients(tables, reserved):
    """Say once that a column looks like one of patients, whose rows depend on each other.

    Parameters
    ----------
    tables : list of Table
    reserved : set of str
        Columns that are used.

    Returns
    -------
    bool
        Whether there is one.
    """
    for table in tables:
        for name in set(table.columns) - reserved:
            if re.sub(r"[\W_]", "", name.lower()) in _PATIENTS:
                cells = table.coded(name)
                if len(cells.values) < len(cells):
                    warn(
                        f"column {name!r} of {table.source.path} is not used, and rows of one "
                        f"patient are taken as independent. Pass {option('group', name)} to keep "
                        "them together."
                    )
                    return True
    return False
