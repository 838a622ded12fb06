"""The examples in the order of the guide."""

from pathlib import Path

ORDER = (
    "quickstart",
    "compare_files",
    "embeddings",
    "stacking_pipeline",
    "inspection",
    "expert_weights",
    "leakage",
    "grid_search",
    "missing_experts",
    "another_hospital",
    "patients",
    "survival",
    "regression",
    "panel",
    "partial_labels",
    "dask_tiles",
)


def place(path):
    """Position of ``plot_NAME.py``; a name that is not in the order is an error."""
    return ORDER.index(Path(path).stem.removeprefix("plot_"))
