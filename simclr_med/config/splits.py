"""The splits of a data set: the words of a manifest's `split` column, defined here alone."""

EVALUATED = ("validation", "test", "external")
LABELLED = ("train", *EVALUATED)
SPLITS = (*LABELLED, "unlabelled")
