"""What a comparison may conclude."""

BETTER = "better"
WORSE = "worse"
NO_DIFFERENCE = "no difference shown"
UNDECIDED = "undecided"  # too few units, replicates or cases to say
UNDEFINED = "not defined"
