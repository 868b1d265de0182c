"""Bootstrap replicates of metrics, and the intervals that they give."""
