"""Fitting: SciPy for the constant pool, torch for gates."""
