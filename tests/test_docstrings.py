"""Docstrings of the public surface have what numpydoc asks for, and every example runs."""

import importlib
import inspect

import pytest

ROOMS = ("", ".experts", ".io", ".inspection", ".deployment", ".metrics", ".export")
# what is left out on purpose: see-also, examples and long summaries of small methods; a
# summary may name what is returned, and a return whose type says it all needs no more;
# parameters that are those of another class stand together
LEFT_OUT = {"SA01", "EX01", "ES01", "SS05", "RT02", "RT03", "PR04"}


def public():
    """Names of classes and functions, and of the methods of classes."""
    for room in ROOMS:
        module = importlib.import_module(f"sklearn_logitprod{room}")
        for name in module.__all__:
            found = getattr(module, name)
            if not callable(found):
                continue
            yield f"{module.__name__}.{name}"
            for method, value in inspect.getmembers(found) if inspect.isclass(found) else ():
                own = (getattr(value, "__module__", "") or "").startswith("sklearn_logitprod")
                if own and callable(value) and not method.startswith("_"):
                    yield f"{module.__name__}.{name}.{method}"


@pytest.mark.parametrize("name", sorted(set(public())))
def test_docstring(name):
    validate = pytest.importorskip("numpydoc.validate").validate
    errors = [error for error in validate(name)["errors"] if error[0] not in LEFT_OUT]
    assert not errors
