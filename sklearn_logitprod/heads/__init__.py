"""Default heads on features: linear, ridge-penalised, the penalty chosen inside."""
