"""After the fit: fitted models at another site, with other experts, and what is known of them.

Functions that take a fitted :class:`~sklearn_logitprod.LogitProdClassifier` or
:class:`~sklearn_logitprod.LogitProdSurvival` and return a new fitted one, which predicts,
pickles and loads like any other; the old one is left as it is.
"""

from sklearn_logitprod.deployment.adapt import adapt
from sklearn_logitprod.deployment.extend import add_expert
from sklearn_logitprod.deployment.path import expert_path
from sklearn_logitprod.deployment.path_display import ExpertPathDisplay
from sklearn_logitprod.deployment.path_result import ExpertPath
from sklearn_logitprod.deployment.safety import with_safety

__all__ = ["ExpertPath", "ExpertPathDisplay", "adapt", "add_expert", "expert_path", "with_safety"]
