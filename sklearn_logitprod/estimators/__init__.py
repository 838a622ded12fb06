"""The public estimators: what a fit starts from, fit, inference, one module a task."""
