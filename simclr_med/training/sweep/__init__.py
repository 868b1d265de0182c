"""Sweeps: a grid of heads, the choice on validation, several seeds of the chosen settings."""
