"""The command, as `python -m simclr_med`."""

from simclr_med.run import entry_point

entry_point()
