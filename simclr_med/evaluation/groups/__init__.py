"""Metrics by group of cases, and the differences between groups."""
