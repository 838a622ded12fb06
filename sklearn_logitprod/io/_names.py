"""What the name of a column says: which class or time it is of, and what its values are."""

from __future__ import annotations

import re

_WORDS = ("probability", "proba", "prob", "p", "logit", "score", "class")
# of the other class, whatever label stands beside them
_NOT = {"no", "non", "not", "without", "versus", "vs", "other", "rest", "free", "lack", "lacks"}
_NOT |= {"absence", "absent", "negative", "neg", "minus", "complement"}
_REST = re.compile(r"\W*1\s*-\D")
_NUMBERED = (re.compile(r"(.*?)(\d+(?:\.\d+)?)(\D*)"),)
# after or before what an expert is called, which may end in a number, too
_CODED = re.compile(r"(|.*?\D)(0|[1-9]\d*)(\D*)"), re.compile(r"()(0|[1-9]\d*)([\W_].*)")
# labels as long as this need no separator beside them, if all columns are written alike
_LONG = 3
# what stands beside outputs, whatever else a name says
_BESIDE = {"loss", "entropy", "uncertainty", "std", "sd", "sem", "var", "variance", "error"}
_BESIDE |= {"lower", "upper", "threshold", "cutoff", "correct"}
_BESIDE |= {"coord", "coords", "coordinate", "coordinates", "loc", "location", "bbox", "box"}
_BESIDE |= {"position", "shape", "size", "feature", "features", "embedding", "attention"}
# what stands beside outputs, unless the name says that it is one
_TRUTH = {"true", "truth", "actual", "target", "gt", "onehot"}
# places in a ranking, not classes
_RANKS = {"index", "idx", "rank", "top"}
# what is numbered as codes of classes are
_COUNTED = {"model", "expert", "member", "fold", "seed", "run", "split", "tree", "epoch"}
_NO_CLASS = (
    _BESIDE | _TRUTH | _RANKS | {"label", "class", "y", "max", "min", "margin", "confidence"}
)
_OUTPUT = re.compile(r"p|class|(prob|logit|log|score|pred|confidence)[a-z]*")
_PREDICTED = re.compile(r"pred[a-z]*|response|hat|scored")


# of samples in which a label was not found
_WILD = {"wt", "wild", "wildtype"}
_ZERO = re.compile(r"(p|prob[a-z]*|logit[a-z]*|score|class)?0")


def _words(text):
    return set(re.findall("[a-z]+", text.lower()))


def meaning(text):
    """What the name of a column says of its values: proba, logits or nothing."""
    words = _words(text)
    if any(word.startswith("logit") for word in words):
        return "logits"
    return "proba" if any(word == "p" or word.startswith("prob") for word in words) else None


def of_truth(text):
    """Whether a name without its label says that a column holds what is true, and no output."""
    return bool(_words(text) & _TRUTH) and not says_output(text)


def beside(text):
    """Whether a name without its label says that a column is no output: a loss, the truth."""
    return bool(_words(text) & _BESIDE) or of_truth(text)


def denies(text):
    """Whether a name without its label says that values are of samples without the label.

    Parameters
    ----------
    text : str
        Such as ``prob_not``, ``p_0`` or ``_wt``; ``fold_0`` counts something else.

    Returns
    -------
    bool
    """
    words = re.findall("[a-z0-9]+", text.lower())
    zeros = [
        word
        for before, word in zip(["", *words], words, strict=False)
        if _ZERO.fullmatch(word) and before not in _COUNTED
    ]
    return bool(zeros or _words(text) & (_NOT | _WILD) or _REST.match(text))


def is_number(label):
    """Whether a label is a number, as most are written."""
    return re.fullmatch(r"-?\d+(\.\d+)?", label) is not None


def ranked(text):
    """Whether a name says that its number is a place in a ranking, such as ``index_0``."""
    return bool(_words(text) & _RANKS)


def counted(before):
    """Whether the number after a name counts something else than classes: ``model_0``."""
    words = re.findall("[a-z]+", before.lower())
    return bool(words) and words[-1] in _COUNTED


def predicted(name):
    """Whether a name says that a column holds what was predicted."""
    return any(_PREDICTED.fullmatch(word) for word in _words(name))


def may_be_class(text, labels):
    """Whether a column called as those of labels are may be of one more class, of this name.

    Parameters
    ----------
    text : str
        What stands in its name where others have their label.
    labels : list of str

    Returns
    -------
    bool
    """
    if labels and all(map(is_number, labels)):
        return is_number(text)
    words = _words(text)
    return not (words and all(word in _NO_CLASS or _PREDICTED.fullmatch(word) for word in words))


def _affix(text, at_start):
    """Whether text may stand before (or after) a label in the name of a column."""
    if text == "" or text.lower() in _WORDS:
        return True
    return not text[-1 if at_start else 0].isalnum()


def patterns(names, labels):
    """Every prefix and suffix that make names of columns from all labels.

    Parameters
    ----------
    names, labels : list of str

    Returns
    -------
    list of (str, str)
    """
    found, first, known = {}, labels[0], set(names)
    for name in names:
        for match in re.finditer(f"(?={re.escape(first)})", name):
            before, after = name[: match.start()], name[match.start() + len(first) :]
            if all(before + label + after in known for label in labels):
                found[before, after] = _affix(before, True) and _affix(after, False)
    apart = [pattern for pattern, separate in found.items() if separate]
    long = len(labels) > 1 and all(len(k) >= _LONG and k.isalpha() for k in labels)
    return apart or (list(found) if long else [])


def named_alike(names, labels):
    """Columns that are called as all labels, by the prefix and suffix they have in common.

    Where no columns are called exactly so, letters count whatever their case, and all
    separators as one: ``P_MSI_H`` is of ``msi-h``.

    Parameters
    ----------
    names, labels : list of str

    Returns
    -------
    dict of (str, str) to dict of str to str
        From what stands before and after a label to the columns of the labels.
    """
    exact = {p: {k: p[0] + k + p[1] for k in labels} for p in patterns(names, labels)}
    loose, keys = {_loose(name): name for name in names}, {_loose(k): k for k in labels}
    if exact or len(loose) < len(names) or len(keys) < len(labels):
        return exact
    return {
        (before, after): {k: loose[before + key + after] for key, k in keys.items()}
        for before, after in patterns(list(loose), list(keys))
    }


def _loose(text):
    return re.sub(r"[\W_]", "_", text.lower())


def says_output(text):
    """Whether a name has a word for outputs, such as ``prob`` or ``score``."""
    return any(_OUTPUT.fullmatch(word) for word in _words(text))


def labels_in(name, labels):
    """Labels that stand in the name of a column, whatever their case.

    Of labels within labels (``MSI`` in ``MSI-H``) the longer one counts; a name that denies a
    label (``non_tumour``, ``1-p_tumour``) has none. Numbers are labels beside a word for
    outputs alone, as in ``prob_1``: those of ``model_1`` or ``1`` may count anything.

    Parameters
    ----------
    name : str
    labels : list of str

    Returns
    -------
    list of str
    """
    if set(re.findall("[a-z]+", without(name, labels))) & _NOT or _REST.match(name):
        return []
    found = [label for label in labels if patterns([name], [label])]
    if not found:
        low = name.lower()
        found = [label for label in labels if patterns([low], [label.lower()])]
    if not says_output(without(name, labels)):
        found = [label for label in found if not is_number(label)]
    return [a for a in found if not any(a != b and a.lower() in b.lower() for b in found)]


def without(name, labels):
    """A name in lower case without the labels in it, which may be called as words are.

    Parameters
    ----------
    name : str
    labels : list of str or None

    Returns
    -------
    str
    """
    name = name.lower()
    for label in sorted(labels or (), key=len, reverse=True):
        name = name.replace(label.lower(), " ")
    return name


def coded(names):
    """Names that end (or begin) alike but for a whole number, as columns of codes do.

    Parameters
    ----------
    names : list of str

    Returns
    -------
    dict of (str, str) to dict of int to str
        From what stands before and after the number to the names by number.
    """
    return _numbered(names, _CODED, int)


def timed(names):
    """Names that are alike but for a number: as `coded`, of float.

    Parameters
    ----------
    names : list of str

    Returns
    -------
    dict of (str, str) to dict of float to str
    """
    return _numbered(names, _NUMBERED, float)


def _numbered(names, forms, number):
    groups = {}
    for name in names:
        for match in filter(None, (form.fullmatch(name) for form in forms)):
            groups.setdefault((match[1], match[3]), {})[number(match[2])] = name
    return groups


def owner(before, after):
    """Whose columns have a prefix and a suffix: what is left of them without general words.

    Parameters
    ----------
    before, after : str
        Such as ``uni_prob_`` and nothing.

    Returns
    -------
    str
        Such as ``uni``.
    """
    words = [w for w in re.split(r"[\W_]+", f"{before} {after}") if w]
    return "_".join(w for w in words if w.lower().removesuffix("s") not in _WORDS)


def common(names):
    """Prefix and suffix that all names share and that end at a separator.

    Parameters
    ----------
    names : list of str

    Returns
    -------
    (str, str)
    """
    before = _start(names)
    if before.lower() not in _WORDS:
        word = re.match(r"([A-Za-z]*)", before)[0]
        before = re.match(r"(.*[\W_])?", before)[0]
        if not before and word.lower() in _WORDS:
            before = word
    after = _start([name[len(before) :][::-1] for name in names])[::-1]
    after = re.search(r"([\W_].*)?$", after)[0]
    if any(len(name) <= len(before) + len(after) for name in names):
        after = ""
    return (before, after) if all(len(name) > len(before) for name in names) else ("", "")


def _start(names):
    """What all names begin with."""
    low, high = min(names), max(names)
    return low[: next((i for i, c in enumerate(low) if c != high[i]), len(low))]
