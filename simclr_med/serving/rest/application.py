"""Addresses of the server: TensorFlow Serving's, one page for a person, and /metrics.

app = Service(exported, Limits()).app()
"""

import asyncio
import contextlib
import functools
import zlib

import anyio
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from simclr_med.files import html
from simclr_med.serving.rest import messages
from simclr_med.serving.rest.batching import Batcher
from simclr_med.serving.rest.counters import Counters
from simclr_med.serving.rest.exported import Exported
from simclr_med.serving.rest.limits import Limits, Refused

MODEL = "/v1/models/{name}"
ASKING = {"predict": messages.predict, "classify": messages.classify}
READERS = 4
DRAINED = 8  # times the limit: so much of a body that is too large is passed over
# The page needs nothing from elsewhere, and may send an image nowhere but here.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "img-src blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Service:
    """Application of one model: its addresses, limits and counters.

    Args:
      exported: an `Exported`.
      limits: `Limits`.
    """

    def __init__(self, exported: Exported, limits: Limits):
        self.exported, self.limits = exported, limits
        self.counters = Counters()
        self.batcher = Batcher(
            exported.ask, limits.max_batch, limits.concurrency, self.counters.batches.observe
        )
        # Few bodies at a time become Python's objects, which take many times their size.
        self.reading = None
        self.running = 0

    def app(self) -> Starlette:
        """Return the ASGI application; its end answers the requests that still wait."""
        version, label = MODEL + "/versions/{version}", MODEL + "/labels/{label}"
        routes = [Route("/", self.page), Route("/metrics", self.metrics)]
        for model in (MODEL, version, label):
            for method in ASKING:
                asked = functools.partial(self.ask, method=method)
                routes.append(Route(f"{model}:{method}", asked, methods=["POST"]))
            routes.append(Route(f"{model}/metadata", self.metadata))
        routes += [Route(model, self.status) for model in (version, label, MODEL)]
        handlers = {Refused: _refused, HTTPException: _http_error, Exception: _failed}
        return Starlette(routes=routes, exception_handlers=handlers, lifespan=self._lifespan)

    @contextlib.asynccontextmanager
    async def _lifespan(self, app):
        self.reading = anyio.CapacityLimiter(READERS)
        yield
        await anyio.to_thread.run_sync(self.batcher.close)

    async def page(self, request):
        """Answer with the page on which a person drops an image."""
        text = html.render(
            "serving/rest/page.html",
            title=f"{self.exported.name}, version {self.exported.version}",
            address=f"v1/models/{self.exported.name}:predict",
            has_classes="images" in self.exported.signatures
            and "probabilities" in self.exported.signatures["images"].outputs,
        )
        return HTMLResponse(text, headers={"content-security-policy": POLICY})

    async def metrics(self, request):
        """Answer with the counters."""
        return Response(self.counters.text(), media_type=CONTENT_TYPE_LATEST)

    async def status(self, request):
        """Answer as TensorFlow Serving's model status."""
        self._refuse_others(request)
        state = {
            "version": self.exported.version,
            "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""},
        }
        return JSONResponse({"model_version_status": [state]})

    async def metadata(self, request):
        """Answer as TensorFlow Serving's model metadata: the signatures."""
        self._refuse_others(request)
        spec = {
            "name": self.exported.name, "signature_name": "", "version": self.exported.version
        }  # fmt: skip
        signatures = {"signature_def": {"signature_def": self.exported.metadata}}
        return JSONResponse({"model_spec": spec, "metadata": signatures})

    async def ask(self, request, method):
        """Answer a :predict or :classify request."""
        status = 500
        try:
            with self.counters.request(method):
                response = await self._answered(request, ASKING[method])
            status = response.status_code
            return response
        except (Refused, HTTPException) as error:
            status = error.status if isinstance(error, Refused) else error.status_code
            raise
        finally:
            self.counters.requests.labels(method, status).inc()

    async def _answered(self, request, read):
        self._refuse_others(request)
        if self.running >= self.limits.concurrency:
            raise Refused(503, f"{self.running} requests run already: try again later")
        self.running += 1
        late = Refused(408, f"the request has not come within {self.limits.seconds} s")
        try:
            with anyio.fail_after(self.limits.seconds):
                body = await self._body(request)
                late = Refused(503, f"not answered within {self.limits.seconds} s")
                asked = await anyio.to_thread.run_sync(
                    read, body, self.exported, self.limits,
                    limiter=self.reading, abandon_on_cancel=True,
                )  # fmt: skip
                del body
                future = self.batcher.submit(asked.signature, asked.inputs, asked.size)
                outputs = await asyncio.wrap_future(future)
                text = await anyio.to_thread.run_sync(
                    asked.written, outputs, abandon_on_cancel=True
                )
                return Response(text, media_type="application/json")
        except TimeoutError:
            raise late from None
        except ClientDisconnect:
            raise Refused(400, "the client has gone") from None  # read by nobody, and counted
        finally:
            self.running -= 1

    async def _body(self, request):
        """Return the body, read no further than the longest that is allowed."""
        most, length = self.limits.max_body_mib * 2**20, 0
        refused = Refused(413, f"the body has more than {self.limits.max_body_mib} MiB")
        body = bytearray()
        # One that is too large is still heard: a client that is talking hears no answer.
        async for part in request.stream():
            length += len(part)
            if length > DRAINED * most:
                raise refused
            if length <= most:
                body += part
        if length > most:
            raise refused
        if "gzip" in request.headers.get("content-encoding", ""):
            return _unzipped(body, most, refused)
        return bytes(body)

    def _refuse_others(self, request):
        asked = request.path_params
        name, version = asked["name"], asked.get("version")
        if "label" in asked:
            raise Refused(400, f"unrecognized servable version label: {asked['label'][:80]}")
        if name != self.exported.name:
            raise Refused(404, f"there is no model {name[:80]!r} here")
        if version not in (None, self.exported.version):
            raise Refused(404, f"there is no version {version[:80]!r} of {name}")


def _unzipped(body, most, refused):
    """Return the unzipped `body`, at most so many bytes; else raise `refused`."""
    reader = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        found = reader.decompress(body, most + 1)
    except zlib.error as error:
        raise Refused(400, f"the body is not gzip: {error}") from None
    if len(found) > most:
        raise refused
    if not reader.eof:
        raise Refused(400, "the body is not gzip: it is cut")
    return found


def _error(status, message):
    headers = {"retry-after": "1"} if status == 503 else {}
    return JSONResponse({"error": message}, status, headers)


async def _refused(request, error):
    return _error(error.status, str(error))


async def _http_error(request, error):
    return _error(error.status_code, error.detail)


async def _failed(request, error):
    return _error(500, "an error of the server; its output says which")
