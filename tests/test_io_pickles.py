"""Pickles: arrays and frames come back equal, everything else is refused and nothing runs."""

import pickle
import re
import subprocess
import sys
from collections import OrderedDict
from functools import partial
from operator import attrgetter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sklearn_logitprod.io import read_clam, read_mcat
from sklearn_logitprod.io._pickles import load_pickle, unwrapped
from sklearn_logitprod.io._source import Source

SOURCE = Source("uni.pkl", "uni")
FRAME = pd.DataFrame(
    {"slide_id": ["x", "yé"], "a": [0.1, 0.2], "n": [1, 2], "b": [True, False], "c": [3.0, np.nan]}
)
ARRAYS = [
    np.arange(6.0).reshape(2, 3).T,
    np.array("slide"),
    np.array(["a", "bc"]),
    np.array(["a", None, 1.5], dtype=object),
    np.arange(3, dtype=">i4"),
    np.zeros((0, 3)),
    np.array([True, False]),
    np.array([b"a", b"bc"]),
]


class Call:
    """Calls something when it is unpickled the usual way."""

    def __init__(self, function, *args):
        self.parts = function, args

    def __reduce__(self):
        return self.parts


def load(content, path):
    path.write_bytes(content)
    return load_pickle(SOURCE, path)


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}{array.shape}")
def test_arrays_come_back(array, protocol, tmp_path):
    content = pickle.dumps({"a": [array], "b": array}, protocol=protocol)
    for old, new in ((b"numpy._core", b"numpy.core"), (b"numpy.core", b"numpy._core")):
        # in protocol 2 names end with their line, so that they may change their length
        loaded = load(content.replace(old, new) if protocol == 2 else content, tmp_path / "p")
        for found in (unwrapped(loaded["a"][0]), unwrapped(loaded["b"])):
            assert found.dtype == array.dtype
            np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("protocol", range(2, 6))
def test_scalars_and_containers_come_back(protocol, tmp_path):
    value = OrderedDict(a=[1, 2.5, None, True, b"", b"x"])
    value["b"] = {1}, frozenset("a"), 2j, bytearray(2)
    value.update(c=np.float32(0.1), d=np.int64(3), e=np.str_("text"), f=np.bool_(True))
    loaded = load(pickle.dumps(value, protocol=protocol), tmp_path / "p")
    assert loaded == value
    assert [type(x) for x in loaded.values()] == [type(x) for x in value.values()]


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("storage", ["python", "pyarrow"])
def test_columns_of_frames_come_back(storage, protocol, tmp_path):
    with pd.option_context("mode.string_storage", storage):
        objects = FRAME.assign(slide_id=FRAME["slide_id"].to_numpy(dtype=object))
        rows = FRAME.iloc[::-1].set_index("n", drop=False)
        for frame in (FRAME.copy(), objects, FRAME.iloc[:0], rows, FRAME[["c", "slide_id", "a"]]):
            loaded = load(pickle.dumps(frame, protocol=protocol), tmp_path / "p")
            assert sorted(loaded) == sorted(frame.columns)
            for name in frame:
                np.testing.assert_array_equal(loaded[name], frame[name].to_numpy())
        text = FRAME["slide_id"].astype("string" if storage == "python" else f"string[{storage}]")
        text[1] = pd.NA
        loaded = load(pickle.dumps(pd.DataFrame({"a": text}), protocol=protocol), tmp_path / "p")
        assert list(loaded["a"]) == ["x", None]


def raw(module, name, *args, then=b""):
    """A pickle that calls a name, dotted or not, with texts and other values."""
    content = b"\x80\x04" + b"".join(
        b"\x8c" + bytes([len(text.encode())]) + text.encode() for text in (module, name)
    )
    content += b"\x93("
    for value in args:
        content += pickle.dumps(value, protocol=2)[2:-1]
    return content + b"tR" + then + b"."


MARK = "open('ran', 'w').close()"
SHELL = "echo > ran"
MALICIOUS = {
    "posix.system": raw("posix", "system", SHELL),
    "os.system": raw("os", "system", SHELL),
    "subprocess.Popen": raw("subprocess", "Popen", SHELL),
    "builtins.eval": pickle.dumps(Call(eval, MARK)),
    "builtins.exec": pickle.dumps(Call(exec, MARK)),
    "__builtin__.eval": pickle.dumps(Call(eval, MARK), protocol=2),
    "builtins.__import__": pickle.dumps(Call(__import__, "antigravity")),
    "builtins.open": raw("builtins", "open", "ran", "w"),
    "io.open": raw("io", "open", "ran", "w"),
    "builtins.getattr": pickle.dumps(Call(getattr, "x", "upper")),
    "builtins.map": pickle.dumps(Call(list, Call(map, eval, [MARK]))),
    "operator.attrgetter": pickle.dumps(Call(attrgetter("__class__"), 1)),
    "functools.partial": pickle.dumps(Call(partial(eval, MARK))),
    "importlib.import_module": raw("importlib", "import_module", "antigravity"),
    "pathlib.Path.touch": raw("pathlib", "Path.touch", "ran"),
    "numpy.load": raw("numpy", "load", "ran"),
    "numpy.save": raw("numpy", "save", "ran", "x"),
    "numpy.testing._private.utils.runstring": raw(
        "numpy.testing._private.utils", "runstring", MARK, "x"
    ),
    "numpy.testing.rundocs": raw("numpy.testing", "rundocs", "ran"),
    "numpy.dtype.__class__": raw("numpy", "dtype.__class__", "x"),
    "numpy.core.multiarray.fromfile": raw("numpy.core.multiarray", "fromfile", "ran"),
    "numpy.f2py.compile": raw("numpy.f2py", "compile", SHELL),
    "pandas.read_pickle": raw("pandas", "read_pickle", "ran"),
    "pandas.eval": raw("pandas", "eval", "@__import__('os').system('echo > ran')"),
    "pandas.io.common.get_handle": raw("pandas.io.common", "get_handle", "ran", "w"),
    "pandas.core.frame.DataFrame.to_csv": raw("pandas.core.frame", "DataFrame.to_csv", "ran"),
    "pandas.core.computation.eval.eval": raw("pandas.core.computation.eval", "eval", MARK),
    "torch._utils._rebuild_tensor_v2": raw("torch._utils", "_rebuild_tensor_v2", "x"),
    "sklearn_logitprod.io._pickles.pickle": raw("sklearn_logitprod.io._pickles", "pickle", "x"),
    "collections.OrderedDict.__init__.__globals__": raw(
        "collections", "OrderedDict.__init__.__globals__", "x"
    ),
}


@pytest.mark.parametrize("name", MALICIOUS)
def test_other_names_are_refused_and_nothing_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    for file, read in (
        ("split_0_results.pkl", read_clam),
        ("split_latest_val_0_results.pkl", read_mcat),
    ):
        folder = tmp_path / read.__name__ / "uni"
        folder.mkdir(parents=True)
        (folder / file).write_bytes(MALICIOUS[name])
        with pytest.raises(ValueError) as caught:
            read([folder])
        assert re.fullmatch(
            rf".*{re.escape(file)} \(expert 'uni'\): the pickle names {re.escape(name)}, which is "
            r"neither a container nor a plain NumPy array or pandas frame; nothing of it was run\. "
            r"If you trust the file, open it where it was written and save it as CSV or \.npz\.",
            str(caught.value),
        )
    assert not (tmp_path / "ran").exists()
    assert "antigravity" not in set(sys.modules) - before


def test_the_gadgets_do_run_in_an_ordinary_unpickler(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["posix.system", "builtins.eval"]
    if sys.version_info >= (3, 11):
        # before, it asks its first argument, a string here, for what paths have
        names.append("pathlib.Path.touch")
    for name in names:
        pickle.loads(MALICIOUS[name])
        assert Path("ran").exists()
        Path("ran").unlink()


OBJECT_OF_BYTES = (
    # dtype('O8') whose flags claim that it holds plain bytes, and an array of one address
    b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01bt"
    b"R(K\x01K\x01\x85cnumpy\ndtype\n(X\x02\x00\x00\x00O8K\x00K\x01tR"
    b"(K\x03X\x01\x00\x00\x00|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    b"\x89U\x08AAAAAAAAtb."
)
DAMAGED = {
    "too few bytes": pickle.dumps(np.arange(9.0), protocol=4).replace(b"K\t\x85", b"K\x0a\x85"),
    "an object from bytes": OBJECT_OF_BYTES,
    "a record": pickle.dumps(np.zeros(2, dtype=[("a", float)])),
    "an encoding": raw("_codecs", "encode", "x", "rot13"),
    "no dict": b"\x80\x02cnumpy\nndarray\n)\x81}b.",
    "text": b"slide_id,p_0,p_1\n",
    "a recipe changed": (
        b"\x80\x02cnumpy\ndtype\nN}X\x08\x00\x00\x00__init__cnumpy\nndarray\ns\x86b."
    ),
    "a recipe's dict": b"\x80\x02c_codecs\nencode\n}X\x01\x00\x00\x00aK\x01sb.",
    # found by fuzzing: text of no characters, at which Python itself fails
    "no characters": pickle.dumps(np.array("s1"), protocol=4).replace(
        b"s\0\0\0001\0\0\0", b"s\0001\0\0\0\0\0"
    ),
    # and a few bytes that ask for all memory
    "a claim of 4 GB": b"\x80\x05\x96\x00\x00\x00\x00\x01\x00\x00\x00.",
    "zeros by number": raw("builtins", "bytearray", 2**33),
    "an index of 1e12 rows": raw(
        "pandas.core.indexes.base", "_new_Index", 0, {"start": 0, "stop": 10**12, "step": 1}
    ),
}


def test_a_memo_of_any_number_takes_no_memory(tmp_path):
    # LONG_BINPUT 2**31 - 1: a list of that length in CPython's own unpickler
    assert load(b"\x80\x02}r\xff\xff\xff\x7f.", tmp_path / "p") == {}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_content_is_an_error_or_a_harmless_object(name, tmp_path):
    if name == "no dict":
        assert not isinstance(load(DAMAGED[name], tmp_path / "p"), np.ndarray)
    else:
        with pytest.raises(ValueError, match=r"uni\.pkl \(expert 'uni'\): this is no complete"):
            load(DAMAGED[name], tmp_path / "p")
    array = np.arange(3.0)
    np.testing.assert_array_equal(load(pickle.dumps(array), tmp_path / "p"), array)


def test_readers_import_no_library_of_files():
    code = (
        "import sys, sklearn_logitprod.io; "
        "print([m for m in ('h5py', 'torch', 'skops') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
