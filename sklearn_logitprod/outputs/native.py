"""Frames, series, tensors and labelled arrays of other libraries, as pandas and NumPy hold them.

The one file that knows narwhals, through which frames of all libraries are read and written.
"""

from __future__ import annotations

import narwhals as nw
import numpy as np

from sklearn_logitprod._text import plain as written

# how frames that hold no values yet are brought into memory, in the libraries that have such
_COMPUTING = ("toPandas", "collect", "compute")


def plain(values, name="X"):
    """Values as the checks know them: frames of pandas and arrays of NumPy, on the CPU.

    Parameters
    ----------
    values : object
        Frame or series of any library that narwhals reads, tensor of torch, array; anything
        else comes back as it is.
    name : str
        What it is, for messages.

    Returns
    -------
    object
        DataFrame of pandas without extension dtypes, ndarray, or ``values``. What is missing is
        NaN in numbers, and None or NaN elsewhere.

    Raises
    ------
    ValueError
        If a frame is lazy: it holds no values yet.
    """
    refuse_lazy(values, name)
    if hasattr(type(values), "detach"):
        return _from_tensor(values)
    if isinstance(values, np.ndarray):
        # most of NumPy and scikit-learn does not know variable-width strings
        return values.astype(object) if values.dtype.kind == "T" else values
    if nw.dependencies.is_pandas_dataframe(values):
        return _without_extensions(values)
    if nw.dependencies.is_pandas_series(values):
        return values
    known = nw.from_native(values, pass_through=True, allow_series=True)
    if isinstance(known, nw.Series):
        return _column(known)
    if not isinstance(known, nw.DataFrame):
        return values
    return _pandas_frame([_column(column) for column in known.iter_columns()], known.columns)


def plain_outputs(X):
    """X of expert outputs as :func:`plain` gives it; axes of an xarray are read by name.

    Parameters
    ----------
    X : object
        As of :func:`plain`, or an xarray.DataArray with the dimensions "sample", "expert" and,
        for outputs of three axes, "class", "label" or "time", in any order.

    Returns
    -------
    object
        Of a DataArray with coordinates for experts and classes a DataFrame of pandas, whose
        columns they are.

    Raises
    ------
    ValueError
        If dimensions have other names, or only some of them have coordinates.
    """
    if not is_labelled(X):
        return plain(X)
    last = [name for name in X.dims if name in ("class", "label", "time")]
    wanted = ["sample", "expert", *last]
    if sorted(map(str, X.dims)) != sorted(wanted):
        raise ValueError(
            f"X is a DataArray with the dimensions {tuple(X.dims)}, but axes are known by the "
            "names 'sample', 'expert' and, for outputs of three axes, 'class', 'label' or 'time'. "
            "Rename them with X.rename, or pass X.values, whose axes are in this order."
        )
    X = X.transpose(*wanted)
    named = [name for name in wanted[1:] if name in X.indexes]
    if not named:
        return X.to_numpy()
    unnamed = [name for name in wanted[1:] if name not in named]
    if unnamed:
        raise ValueError(
            f"X is a DataArray with coordinates for {named[0]!r}, but none for {unnamed[0]!r}. "
            f"Name both, X.assign_coords({{{unnamed[0]!r}: [...]}}), or pass X.values."
        )
    import pandas as pd

    labels = [X.indexes[name].tolist() for name in named]
    columns = pd.MultiIndex.from_product(labels) if last else labels[0]
    values = X.to_numpy().reshape(len(X), -1)
    return pd.DataFrame(values, index=X.indexes.get("sample"), columns=columns)


def is_labelled(values):
    """Whether it is an xarray.DataArray, known by what its type has."""
    return all(hasattr(type(values), name) for name in ("dims", "coords", "to_numpy"))


def refuse_lazy(values, name="X"):
    """Refuse a frame that holds no values yet, such as a polars.LazyFrame or one of dask."""
    # the type is asked: columns of a frame may be called like methods, and a lazy one computes them
    kind = type(values)
    if not hasattr(kind, "columns"):
        return
    how = next((method for method in _COMPUTING if hasattr(kind, method)), None)
    if how is not None:
        raise ValueError(
            f"{name} is a {kind.__name__} of {kind.__module__.partition('.')[0]}, "
            f"which is lazy: it holds no values yet. Pass {name}.{how}()."
        )


def refuse_repeated(values, name="X"):
    """Refuse a frame of pandas that has a column of one level twice."""
    if not nw.dependencies.is_pandas_dataframe(values) or values.columns.nlevels > 1:
        return
    if not values.columns.is_unique:
        twice = values.columns[values.columns.duplicated()][0]
        raise ValueError(
            f"{name} has the column {written(twice)} twice, and columns are matched by their "
            "names: drop one, or call it something else."
        )


def is_frame(values):
    """Whether it is a frame of a library that narwhals reads."""
    # narwhals refuses a name that is there twice, which `refuse_repeated` tells of
    if nw.dependencies.is_pandas_dataframe(values):
        return True
    known = nw.from_native(values, pass_through=True)
    return isinstance(known, (nw.DataFrame, nw.LazyFrame))


def named_columns(frame, name="X"):
    """Columns of a frame of any library, an index of pandas that has a name among them.

    Parameters
    ----------
    frame : object
    name : str
        What it is, for messages.

    Returns
    -------
    list of (str, ndarray of shape (n_rows,))
        Numbers with NaN, or objects as the library gives them.

    Raises
    ------
    ValueError
        If the frame is lazy: it holds no values yet.
    """
    refuse_lazy(frame, name)
    if nw.dependencies.is_pandas_dataframe(frame) and frame.index.name is not None:
        frame = frame.reset_index()
    known = nw.from_native(frame, eager_only=True)
    # by position: a name of pandas may be a number
    return [
        (str(name), _column(column))
        for name, column in zip(known.columns, known.iter_columns(), strict=True)
    ]


def index_of(values):
    """Labels of the rows: an Index of pandas, or None where there are none.

    Those of frames and series of pandas, and of the dimension "sample" of an xarray.DataArray.
    """
    if is_labelled(values):
        return values.indexes.get("sample")
    pandas = nw.dependencies
    if pandas.is_pandas_dataframe(values) or pandas.is_pandas_series(values):
        return values.index
    return None


def in_kind_of(X, values, names, library="default"):
    """Values of each row of X as a frame of the same library, where X is a frame.

    Parameters
    ----------
    X : object
    values : ndarray of shape (n_samples, n_columns)
    names : list of str
        Of the columns.
    library : str
        That of the frame, as ``set_output`` names it; "default" is that of X.

    Returns
    -------
    ndarray or frame of shape (n_samples, n_columns)
        A frame of pandas has the index of X.
    """
    if library == "default":
        library = _library_of(X)
    if library is None:
        return values
    if library == "pandas":
        import pandas as pd

        return pd.DataFrame(values, index=index_of(X), columns=list(names))
    columns = dict(zip(names, values.T, strict=True))
    return nw.from_dict(columns, backend=library).to_native()


def _library_of(X):
    """Library of a frame as narwhals knows it, None for anything else."""
    if nw.dependencies.is_pandas_dataframe(X):
        return "pandas"
    known = nw.from_native(X, pass_through=True, eager_only=True)
    return known.implementation if isinstance(known, nw.DataFrame) else None


def _from_tensor(tensor):
    """A tensor of torch as an array; NumPy has no floats of 8 bits and no bfloat16."""
    tensor = tensor.detach().cpu()
    if tensor.is_floating_point() and tensor.itemsize < 4:
        tensor = tensor.float()
    return tensor.numpy()


def _without_extensions(frame):
    """A frame of pandas whose columns are arrays of NumPy."""
    if all(isinstance(dtype, np.dtype) for dtype in frame.dtypes):
        return frame
    own = (frame.iloc[:, position] for position in range(frame.shape[1]))
    columns = [_column(nw.from_native(column, series_only=True)) for column in own]
    return _pandas_frame(columns, frame.columns, frame.index)


def _pandas_frame(columns, names, index=None):
    import pandas as pd

    frame = pd.DataFrame(dict(enumerate(columns)), index=index)
    return frame.set_axis(names, axis=1)


def _column(series):
    """Values of a series of narwhals: numbers with NaN, or objects as the library gives them."""
    if not series.dtype.is_numeric():
        # to_numpy loses what is missing in dictionaries of pyarrow
        return np.array(series.to_list(), dtype=object)
    values = series.to_numpy()
    if values.dtype != object:
        return values
    # decimals, and Arrow dtypes of early pandas 2
    return np.where(series.is_null().to_numpy(), np.nan, values).astype(np.float64)
