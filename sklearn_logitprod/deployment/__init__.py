"""After the fit: fitted models at another site, with other experts, and what is known of them.

Functions that take a fitted :class:`~sklearn_logitprod.LogitProdClassifier` or
:class:`~sklearn_logitprod.LogitProdSurvival` and return a new fitted one, which predicts,
pickles and loads like any other; the old one is left as it is. :func:`certify` and
:class:`GainMonitor` say what is known of one on samples to come.
"""

from sklearn_logitprod.deployment.adapt import adapt
from sklearn_logitprod.deployment.certificate import Certificate
from sklearn_logitprod.deployment.certify import certify
from sklearn_logitprod.deployment.extend import add_expert
from sklearn_logitprod.deployment.monitor import GainMonitor
from sklearn_logitprod.deployment.path import expert_path
from sklearn_logitprod.deployment.path_display import ExpertPathDisplay
from sklearn_logitprod.deployment.path_result import ExpertPath
from sklearn_logitprod.deployment.prior import adapt_prior
from sklearn_logitprod.deployment.safety import with_safety

__all__ = [
    "Certificate",
    "ExpertPath",
    "ExpertPathDisplay",
    "GainMonitor",
    "adapt",
    "adapt_prior",
    "add_expert",
    "certify",
    "expert_path",
    "with_safety",
]
