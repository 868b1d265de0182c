"""Preparation of image files before training read them, as dataset.json and input.json record it.

    Preparation("rewritten", shortest_side=256).meaning()["transparency"]  # "on white"

Whoever serves originals does the same, or refuses them: `views.as_prepared`.
"""

import dataclasses

from simclr_med.files import stored

UNRECORDED, AS_THEY_ARE, REWRITTEN = "unrecorded", "as_they_are", "rewritten"

_READ_AS_THEY_ARE = {
    "formats": "JPEG, PNG, GIF and BMP",
    "exif_rotation": "ignored",
    "depth": "8 bits; more are refused",
    "transparency": "opacity is left out",
    "palette": "its colours",
    "icc_profile": "ignored",
    "size": "as it is",
}
_MEANINGS = {
    UNRECORDED: _READ_AS_THEY_ARE | {"depth": "8 bits; of 16 the high byte"},
    AS_THEY_ARE: _READ_AS_THEY_ARE,
    REWRITTEN: {
        "formats": "JPEG and PNG; those that were made into them are refused",
        "exif_rotation": "applied",
        "depth": "8 bits; more are stretched from the image's least to its largest value",
        "transparency": "on white",
        "palette": "its colours",
        "icc_profile": "ignored",
        "size": "as it is",
        "encoding": "JPEG anew, quality 95, 4:4:4; others PNG",
    },
}

SCHEMA = {
    "images": stored.Absent(stored.one_of(*_MEANINGS)),
    "shortest_side": stored.Absent(stored.between(0, 2**31)),
    "rendered": stored.Absent(str),
}


@dataclasses.dataclass(frozen=True)
class Preparation:
    """Preparation of the files that training reads.

    Attributes:
      images: "as_they_are"; "rewritten", see `preparation.images.rewriting.rewrite`; or
        "unrecorded" of a data set that was written by hand: training reads them as they are.
      shortest_side: of rewritten images, what the shorter side has at most, pixels; 0 is no bound.
      rendered: the set whose data, DICOM or arrays, the preparation made images of, or "".
    """

    images: str = UNRECORDED
    shortest_side: int = 0
    rendered: str = ""

    @classmethod
    def read(cls, content):
        """Return the `Preparation` that `as_json` wrote.

        Raises:
          ValueError: it is none.
        """
        if found := stored.problem(content, SCHEMA):
            place, value, expected = found
            raise ValueError(f"{place + ': ' * bool(place)}{value!r}, expected {expected}")
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(**{name: content[name] for name in names if name in content})

    def meaning(self):
        """Return the fate of each property of a file, by name, in words."""
        meaning = dict(_MEANINGS[self.images])
        if self.shortest_side:
            meaning["size"] = (
                f"the shorter side has at most {self.shortest_side} pixels: bicubic, antialiased, "
                "as Pillow's with reducing_gap 3"
            )
        if self.rendered:
            meaning["rendered"] = f"from the files of {self.rendered}, which are not served"
        return meaning

    def as_json(self):
        """Return it as an object for JSON: its attributes, and their meaning for a reader."""
        return dataclasses.asdict(self) | {"meaning": self.meaning()}
