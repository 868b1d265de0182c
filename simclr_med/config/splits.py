"""The words of a manifest: its `split` column, and the level of a group that varies in a case."""

EVALUATED = ("validation", "test", "external")
LABELLED = ("train", *EVALUATED)
SPLITS = (*LABELLED, "unlabelled")
MIXED = "mixed"  # of a case whose images have several levels, such as frontal and lateral views
