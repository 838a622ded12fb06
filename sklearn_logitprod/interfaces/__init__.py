"""The fusion as a part of other packages."""

from sklearn_logitprod.interfaces.tabarena import LogitProdEnsembler

__all__ = ["LogitProdEnsembler"]
