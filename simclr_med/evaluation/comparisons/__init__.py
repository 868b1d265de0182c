"""Models on the same cases: differences with intervals, tests and verdicts."""
