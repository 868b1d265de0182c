"""Words of a data set: its tasks, its splits, and the level of a group that varies in a case."""

TASKS = ("multiclass", "multilabel")
EVALUATED = ("validation", "test", "external")
LABELLED = ("train", *EVALUATED)
SPLITS = (*LABELLED, "unlabelled")
MIXED = "mixed"  # of a case whose images have several levels, such as frontal and lateral views
