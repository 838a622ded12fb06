"""From arrays, frames and answers of experts to one aligned array."""
