"""Limits of a request's cost, and the refusal of one beyond them."""

import dataclasses


class Refused(Exception):
    """A request that is not answered with a prediction.

    Args:
      status: of HTTP.
      message: for the person who asked.
    """

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


def limit(default: int, help: str) -> int:
    """Return the field of a limit, above 0."""
    return dataclasses.field(default=default, metadata={"help": help})


@dataclasses.dataclass(frozen=True)
class Limits:
    """Limits of one request, and of all at once; one beyond them is refused before its cost."""

    max_body_mib: int = limit(32, "MiB of a request's body; 413 beyond")
    max_pixels: int = limit(40_000_000, "pixels of an image, by its header; 400 beyond")
    max_batch: int = limit(64, "images of a request, and of requests answered together; 400")
    concurrency: int = limit(32, "requests at once, those that wait included; 503 beyond")
    seconds: int = limit(60, "of a request: 408 where it has not come by then, 503 its answer")
