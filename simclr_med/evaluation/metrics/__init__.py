"""Metrics: functions of truth and scores, for many weightings of the cases at once."""
