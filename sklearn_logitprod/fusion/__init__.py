"""The mathematics of the pool, in NumPy alone."""
