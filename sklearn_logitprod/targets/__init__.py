"""What comes beside X: labels, events, weights, groups, folds."""
