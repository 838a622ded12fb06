"""Reports of a comparison: one page that needs nothing else."""

from sklearn_logitprod.report.write import write_report

__all__ = ["write_report"]
