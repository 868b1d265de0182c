"""HAM10000: dermatoscope pictures of seven diagnoses, several of a lesion."""

from simclr_med.preparation.csv_table import TABLE_FLAGS
from simclr_med.preparation.image_table import ImageTable

TITLE = "HAM10000 (Tschandl et al. 2018)"
LOOKS_FOR = "HAM10000_metadata.csv beside folders of <image_id>.jpg"
WHERE = "Harvard Dataverse, doi:10.7910/DVN/DBW86T"
OPTIONS = TABLE_FLAGS

read = ImageTable(
    name="HAM10000",
    files=("HAM10000_metadata.csv", "HAM10000_metadata"),
    image="image_id",
    jpeg=True,
    labels="dx",
    case=("lesion_id",),
    columns={"sex": "sex", "age": "age", "localization": "localization"},
    groups=("sex",),
    licence="CC BY-NC 4.0",
    notes=(
        "The set names no patients: a lesion stands in for one, and two lesions of one patient "
        "may lie in different splits.",
    ),
).reader(TITLE, LOOKS_FOR, WHERE)
