"""What a request may cost, and how it is told that it costs more."""

import dataclasses


class Refused(Exception):
    """A request that is not answered with a prediction.

    Args:
      status: of HTTP.
      message: for the person who asked.
    """

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def setting(default, help):
    """Return the field of a limit, above 0."""
    return dataclasses.field(default=default, metadata={"help": help})


@dataclasses.dataclass(frozen=True)
class Limits:
    """Limits of one request, and of all at once; what is beyond is refused before its cost."""

    max_body_mib: int = setting(32, "MiB of a request's body; 413 beyond")
    max_pixels: int = setting(40_000_000, "pixels of an image, by its header; 400 beyond")
    max_batch: int = setting(64, "images of a request, and of requests answered together; 400")
    concurrency: int = setting(32, "requests at once, those that wait included; 503 beyond")
    seconds: int = setting(60, "of a request: 408 where it has not come by then, 503 its answer")
