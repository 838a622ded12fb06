"""Which array of a file holds the features."""

from __future__ import annotations

from sklearn_logitprod._text import brief, option

FEATURES = (
    "features",
    "feats",
    "embeddings",
    "embedding",
    "patch_embeddings",
    "tile_embeddings",
)
"""What arrays of features are called."""

IDS = ("ids", "id", "slide_ids", "slide_id", "slides", "filenames")
"""What arrays of identifiers are called."""


def pick(source, content, features):
    """Name of the array of features.

    Parameters
    ----------
    source : Source
        Of which the expert's name tells arrays of several encoders apart.
    content : Content
    features : str or None
        What the user says.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If none is there, or it may be any of several.
    """
    arrays = content.arrays
    if features is not None:
        name = features.strip("/")
        if name not in arrays:
            raise source.error(
                f"there is no array {name!r}; there are {_shapes(arrays)}. Name the right one with "
                f"{option('features')}."
            )
        return name
    found = [name for name in FEATURES if name in arrays] or [
        name for name in arrays if {name.split("/")[0], name.split("/")[-1]} & set(FEATURES)
    ]
    found = [n for n in found if source.expert in n.split("/")] or found
    if not found and len(arrays) == 1:
        (name,) = arrays
        # such as arr_0 of np.savez; whole numbers alone are coordinates
        if not name or (arrays[name].dtype.kind in "fV" and "coord" not in name):
            found = [name]
    if len(found) != 1:
        several = f"features may be any of {brief(found)}"
        raise source.error(
            f"{several if found else f'there are no features, only {_shapes(arrays)}'}. Name the "
            f"array with {option('features', found[0] if found else ...)}, or pass the folder of "
            "features."
        )
    return found[0]


def _shapes(arrays):
    shown = [f"{name or 'array'} {tuple(array.shape)}" for name, array in arrays.items()]
    return brief(shown, 6) if shown else "no arrays"
