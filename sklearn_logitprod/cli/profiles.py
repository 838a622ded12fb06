"""What the features of a fit were like, by which new ones are held to be of the same encoders."""

from __future__ import annotations

import hashlib

import numpy as np

from sklearn_logitprod._text import brief, warn

# how much likelier features have to be of another encoder to be refused: nats per feature, and
# the share of the slides of which this has to hold
_EVIDENT, _MOST = 0.5, 0.9


def profiles_of(embeddings):
    """What the features of each encoder are like.

    Parameters
    ----------
    embeddings : Embeddings

    Returns
    -------
    dict of str to dict
        Mean and standard deviation of each feature; how far the farthest slide is from the mean,
        as the median over its features in standard deviations; and a mark of each slide.
    """
    found = {name: _values(embeddings, name) for name in embeddings.encoders}
    return {name: _profile(values) for name, values in found.items() if len(values)}


def _profile(values):
    mean, std = values.mean(axis=0, dtype=np.float64), values.std(axis=0, dtype=np.float64)
    own = {"mean": mean.astype(np.float32), "std": std.astype(np.float32)}
    return own | {"farthest": float(_distances(values, own).max()), "slides": _marks(values)}


def joined_profiles(known, new):
    """Profiles of a fit and of slides that came later, which add encoders and marks.

    Parameters
    ----------
    known, new : dict of str to dict
        As of `profiles_of`.

    Returns
    -------
    dict of str to dict
    """
    marked = {
        name: own | {"slides": np.union1d(own["slides"], new[name]["slides"])}
        for name, own in known.items()
        if name in new
    }
    return known | {name: own for name, own in new.items() if name not in known} | marked


def check_likeness(embeddings, profiles):
    """Hold features to those of a fit.

    Parameters
    ----------
    embeddings : Embeddings
    profiles : dict of str to dict
        Of its encoders, and maybe others.

    Raises
    ------
    ValueError
        If the features of an encoder are evidently those of another one, or the same on all
        slides.

    Warns
    -----
    UserWarning
        If a typical slide is farther from the mean of the fit than all slides of the fit.
    """
    for name in embeddings.encoders:
        values, own = _values(embeddings, name), profiles.get(name)
        if own is None:
            continue
        if len(values) > 1 and (values == values[0]).all():
            raise ValueError(
                f"the features of {name} are the same on all {len(values)} slides. Extract them "
                "anew, or leave this encoder out."
            )
        other = _likelier(values, name, profiles)
        if other is not None:
            raise ValueError(
                f"the features given for {name} look like those of {other} at the fit, not like "
                f"those of {name}. Name each folder after its encoder: {other}=PATH."
            )
        if _is_far(values, own):
            warn(
                f"the features of {name} are unlike those of the fit: half of the slides are "
                "farther from the mean than any slide of the fit. Are they of the same encoder, "
                "version and magnification?"
            )


def _likelier(values, name, profiles):
    """Another encoder that features are evidently of; None if there is none."""
    if not len(values):
        return None
    same = {key: own for key, own in profiles.items() if len(own["mean"]) == values.shape[1]}
    losses = {key: _losses(values, own, same[name]) for key, own in same.items()}
    gains = {key: losses[name] - own for key, own in losses.items() if key != name}
    best = max(gains, key=lambda key: gains[key].mean(), default=None)
    if best is None or gains[best].mean() < _EVIDENT or (gains[best] > 0).mean() < _MOST:
        return None
    return None if _is_far(values, profiles[best]) else best


def _is_far(values, own):
    """Whether half of the slides are farther from the mean than any slide of the fit."""
    return len(values) > 0 and bool(np.median(_distances(values, own)) > own["farthest"])


def _losses(values, own, reference):
    """Minus mean log-density per feature of each slide, of those that vary in both profiles."""
    some = (own["std"] > 0) & (reference["std"] > 0)
    if not some.any():
        return np.zeros(len(values))
    z = (values[:, some] - own["mean"][some]) / own["std"][some].astype(np.float64)
    return (0.5 * z**2 + np.log(own["std"][some])).mean(axis=1)


def _distances(values, own):
    """Median over the features of the distance of each slide from the mean."""
    some = own["std"] > 0
    if not some.any():
        return np.zeros(len(values))
    apart = values[:, some] - own["mean"][some].astype(np.float64)
    return np.median(np.abs(apart) / own["std"][some], axis=1)


def known_slides(embeddings, profiles):
    """Identifiers of slides whose features were in a fit.

    Parameters
    ----------
    embeddings : Embeddings
    profiles : dict of str to dict

    Returns
    -------
    list of str
    """
    known = np.zeros(len(embeddings), dtype=bool)
    for m, name in enumerate(embeddings.encoders):
        if name in profiles:
            rows = np.flatnonzero(~embeddings.missing[:, m])
            known[rows] |= np.isin(_marks(_values(embeddings, name)), profiles[name]["slides"])
    return [str(slide) for slide in embeddings.ids[known]]


def told_known(slides, n_slides):
    """Words for slides that were in a fit."""
    return f"{len(slides)} of {n_slides} slides were in the fit, such as {brief(slides, 2)}"


def _values(embeddings, name):
    """Features of the slides that have an encoder."""
    values = embeddings.X[name].to_numpy()
    return values[~np.isnan(values).any(axis=1)]


def _marks(values):
    """A number for the features of each slide: (n_slides,), uint64."""
    rows = np.ascontiguousarray(values, dtype=np.float32)
    digests = [hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in rows]
    return np.frombuffer(b"".join(digests), dtype=np.uint64)
