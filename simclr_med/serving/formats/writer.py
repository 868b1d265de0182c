"""Interface of an export format: the functions that each module of a format has."""

import pathlib
from typing import Protocol

from simclr_med.serving.formats.usage import Usage
from simclr_med.serving.sample import Sample
from simclr_med.serving.trained import Trained


class Writer(Protocol):
    """A module that writes one format: `saved_model`, `onnx_model` and the others of this room."""

    def refuse(self, trained: Trained) -> None:
        """Raise before the long part where the format cannot hold these networks.

        Args:
          trained: the networks.

        Raises:
          InputError: it cannot, or a package that it needs is not installed.
        """

    def usage(self, trained: Trained) -> Usage:
        """Return the way in which an export of these networks is asked."""

    def write(self, folder: pathlib.Path, trained: Trained, sample: Sample) -> list[str]:
        """Write one version into a new folder, with the evidence of its check.

        Args:
          folder: a path, which is there and empty.
          trained: the networks.
          sample: real images with evaluation's answers.

        Returns:
          Sentences for the user.

        Raises:
          RunError: the written model does not give evaluation's numbers.
        """
