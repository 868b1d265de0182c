"""The settings of a run, section by section: each a dataclass whose fields are flags."""
