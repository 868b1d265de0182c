"""Whether somebody answers at an address, before TensorFlow tries for an hour."""

import contextlib
import socket

from simclr_med.errors import InputError

SECONDS = 10  # that an answer may take


def refuse_unanswered(address, who):
    """Raise `InputError` where nobody answers.

    Args:
      address: grpc://HOST:PORT.
      who: is expected there, for the message.
    """
    host, port = address.removeprefix("grpc://").rsplit(":", 1)
    try:
        with contextlib.closing(socket.create_connection((host, int(port)), SECONDS)):
            pass
    except OSError as error:
        raise InputError(f"no {who} answers at {address}: {error}") from None
