"""PAD-UFES-20: phone photographs of skin lesions, by patient and lesion."""

from simclr_med.preparation.csv_table import TABLE_FLAGS
from simclr_med.preparation.image_table import ImageTable

TITLE = "PAD-UFES-20 (Pacheco et al. 2020)"
LOOKS_FOR = "metadata.csv beside folders of the images that its column img_id names"
WHERE = "Mendeley Data, doi:10.17632/zr7vgbcyr2"
OPTIONS = TABLE_FLAGS

read = ImageTable(
    name="PAD-UFES-20",
    files=("metadata.csv", "PAD-UFES-20_metadata.csv"),
    image="img_id",
    labels="diagnostic",
    case=("patient_id", "lesion_id"),  # numbers of lesions are used for two patients 250 times
    patient="patient_id",
    columns={"skin_type": "fitspatrick"},
    optional=("gender", "age", "region", "biopsed"),
    groups=("skin_type",),
    licence="CC BY 4.0",
    notes=("Skin type is Fitzpatrick's, 1 to 6, as the set's column fitspatrick gives it.",),
).reader(TITLE, LOOKS_FOR, WHERE)
