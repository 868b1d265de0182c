"""TensorFlow Serving's REST API: its formats, and every bad request refused while it stays up."""

import base64
import concurrent.futures
import gzip
import io
import json
import os
import pathlib
import signal
import socket
import struct
import sys
import threading
import time
import zlib

import numpy as np
import pytest
import requests
import tensorflow as tf
from google.protobuf import json_format
from originals import picture
from PIL import Image

pytest.importorskip("starlette", reason="the extra serving is missing")
pytest.importorskip("uvicorn", reason="the extra serving is missing")

from served import in_a_process, in_a_thread  # noqa: E402

from simclr_med.errors import InputError  # noqa: E402
from simclr_med.serving.rest import messages, values  # noqa: E402
from simclr_med.serving.rest.exported import Exported  # noqa: E402
from simclr_med.serving.rest.limits import Limits, Refused  # noqa: E402

LIMITS = Limits(max_body_mib=1, max_pixels=10**6, max_batch=8, concurrency=4, seconds=30)


@pytest.fixture(scope="module")
def exported(exported_probe):
    return Exported.load(exported_probe / "export", "probe")


@pytest.fixture(scope="module")
def model(exported):
    """The address of the model."""
    with in_a_thread(exported, LIMITS) as address:
        yield f"{address}/v1/models/probe"


def encoded(image, form="PNG", **settings):
    buffer = io.BytesIO()
    image.save(buffer, form, **settings)
    return buffer.getvalue()


def b64(content):
    return {"b64": base64.b64encode(content).decode()}


GOOD = encoded(picture(1))


def predicted(model, **body):
    response = requests.post(f"{model}:predict", json=body, timeout=30)
    return response.status_code, response.json()


def asked(exported, contents, signature="serving_default"):
    return exported.ask(exported.signatures[signature], {"images": list(contents)})


def test_rows_and_columns_are_tensorflow_serving_s(model, exported):
    contents = [GOOD, encoded(picture(2), "JPEG")]
    expected = asked(exported, contents)
    images = [b64(content) for content in contents]
    for instances in (images, [{"images": image} for image in images]):
        status, found = predicted(model, instances=instances)
        assert status == 200 and set(found) == {"predictions"}
        for i, row in enumerate(found["predictions"]):
            assert set(row) == set(expected) and row["error"] == ""
            np.testing.assert_allclose(row["probabilities"], expected["probabilities"][i], 1e-5)
            assert row["classes"] == expected["classes"][i].astype(str).tolist()
    for inputs in (images, {"images": images}):
        status, found = predicted(model, inputs=inputs, signature_name="serving_default")
        assert status == 200 and set(found) == {"outputs"}
        probabilities = found["outputs"]["probabilities"]
        np.testing.assert_allclose(probabilities, expected["probabilities"], 1e-5)


def test_other_signatures_take_numbers_and_cases(model, exported):
    views = np.random.default_rng(0).random([2, 32, 32, 3]).astype(np.float32)
    status, found = predicted(model, instances=views.tolist(), signature_name="images")
    expected = exported.ask(exported.signatures["images"], {"images": views})["probabilities"]
    rows = [row["probabilities"] for row in found["predictions"]]
    np.testing.assert_allclose(rows, expected, 1e-4)
    inputs = {"images": [b64(GOOD)] * 3, "cases": [7, 7, 5]}
    status, found = predicted(model, inputs=inputs, signature_name="cases")
    assert status == 200 and found["outputs"]["cases"] == [7, 5]
    rows = [{"images": b64(GOOD), "cases": 4}]
    _, found = predicted(model, instances=rows, signature_name="cases")
    assert found["predictions"][0]["images"] == 1


def test_classify_gives_pairs_of_a_class_and_its_score(model, exported):
    expected = asked(exported, [GOOD])
    for examples, more in (
        ([{"image/encoded": b64(GOOD)}], {}),
        (
            [{"image/encoded": [b64(GOOD)], "age": 3, "tall": [True], "w": 1.5, "id": ["a"]}],
            {},
        ),
        ([{}], {"context": {"image/encoded": b64(GOOD)}}),
    ):
        body = {"examples": examples, "signature_name": "classify"} | more
        response = requests.post(f"{model}:classify", json=body)
        (pairs,) = response.json()["results"]
        assert [name for name, _ in pairs] == expected["classes"][0].astype(str).tolist()
        np.testing.assert_allclose([s for _, s in pairs], expected["probabilities"][0], 1e-5)
    # As there, no signature name means serving_default, which is for :predict.
    response = requests.post(f"{model}:classify", json={"examples": [{"image/encoded": b64(GOOD)}]})
    assert response.status_code == 400 and "signature_name" in response.json()["error"]
    for body in (
        {},
        {"examples": 3},
        {"examples": [{}]},
        {"examples": [], "signature_name": "images"},
        {"examples": [], "signature_name": "classify"},
        {"examples": [{"a": [1, 1.5]}], "signature_name": "classify"},
        {"examples": [{"a": None}], "signature_name": "classify"},
        {"examples": [{"a": 2**63}], "signature_name": "classify"},
        {"examples": [{"a": {"b": 1}}], "signature_name": "classify"},
        {"examples": [{"image/encoded": b64(GOOD)}], "signature_name": "classify", "context": 1},
    ):
        response = requests.post(f"{model}:classify", json=body)
        assert response.status_code == 400 and response.json()["error"]


def test_what_the_status_and_metadata_say_is_tensorflow_serving_s_messages(model):
    status = pytest.importorskip("tensorflow_serving.apis.get_model_status_pb2")
    metadata = pytest.importorskip("tensorflow_serving.apis.get_model_metadata_pb2")
    for address in (model, f"{model}/versions/3"):
        content = requests.get(address).json()
        (state,) = json_format.ParseDict(
            content, status.GetModelStatusResponse()
        ).model_version_status
        assert (state.version, state.state) == (3, status.ModelVersionStatus.AVAILABLE)
    content = requests.get(f"{model}/versions/3/metadata").json()
    assert content == requests.get(f"{model}/metadata").json()
    assert content["model_spec"] == {"name": "probe", "signature_name": "", "version": "3"}
    signatures = json_format.ParseDict(
        content["metadata"]["signature_def"], metadata.SignatureDefMap()
    ).signature_def
    assert set(signatures) == {"serving_default", "images", "features", "cases", "classify"}
    assert signatures["images"].inputs["images"].tensor_shape.dim[1].size == 32
    assert signatures["classify"].method_name == "tensorflow/serving/classify"


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(
        ">I", zlib.crc32(kind + content)
    )  # fmt: skip


def bomb(width, height):
    """A PNG of so many pixels, none of which it spells out."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(99))), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


DEEP = tf.io.encode_png(np.arange(30 * 40, dtype=np.uint16).reshape(30, 40, 1) * 50).numpy()
FRAMES = encoded(picture(3), "GIF", save_all=True, append_images=[picture(4)])
# What is asked: the status, and what the error or the image's own error says.
BAD = {
    "not base64": ([{"b64": "%%%"}], 400, "instances? ?images\\[0\\]: not base64|not base64"),
    "half of a byte": ([{"b64": "abcde"}], 400, "not base64"),
    "a number": ([7], 400, "expected {"),
    "another key": ([{"b65": "abcd"}], 400, "expected"),
    "a lone surrogate": (["\ud800"], 400, "not base64"),
    "a bomb": ([b64(bomb(30_000, 30_000))], 400, "more than 1,000,000 pixels"),
    "a smaller bomb": ([b64(bomb(1001, 1000))], 400, "more than 1,000,000 pixels"),
    "too many": ([b64(GOOD)] * 9, 400, "a batch of 9; at most 8"),
    "no list": ({"a": 1}, 400, "expected a list"),
    "not an image": ([b64(b"nothing of an image")], 200, "is not JPEG"),
    "empty": ([b64(b"")], 200, "is empty"),
    "truncated": ([b64(GOOD[: len(GOOD) // 2])], 200, "cannot be decoded"),
    "a bomb that says little": ([b64(bomb(900, 900))], 200, "cannot be decoded"),
    "CMYK": ([b64(encoded(picture(5).convert("CMYK"), "JPEG"))], 200, ""),
    "16 bits": ([b64(DEEP)], 200, "|has 16 bits"),
    "an animation": ([b64(FRAMES)], 200, ""),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_image_is_refused_or_answered_by_itself(model, name):
    instances, expected, message = BAD[name]
    status, found = predicted(model, instances=instances)
    assert status == expected, found
    said = found["error"] if status == 400 else found["predictions"][0]["error"]
    assert any(part == said or part and part in said for part in message.split("|")), said


def test_good_images_beside_a_bad_one_are_answered(model):
    _, found = predicted(model, instances=[b64(GOOD), b64(b"x"), b64(GOOD)])
    errors = [row["error"] for row in found["predictions"]]
    assert errors == ["", "is not JPEG, PNG, GIF or BMP", ""]
    assert found["predictions"][1]["probabilities"][0] == -1


def test_an_empty_batch_has_an_empty_answer(model):
    status, found = predicted(model, instances=[])  # TensorFlow Serving's error
    assert status == 400 and "instances: is empty" in found["error"]
    status, found = predicted(model, inputs=[], signature_name="images")
    assert status == 200 and found["outputs"]["probabilities"] == []


BODIES = {
    "no JSON": (b"{", "not JSON"),
    "no text": (b"\xff\xfe\x00", "not JSON"),
    "no object": (b"[]", "no JSON object"),
    "nothing": (b"", "not JSON"),
    "deep": (b"[" * 200_000, "nested too deeply"),
    "deep numbers": (b'{"instances": ' + b"[" * 200 + b"1" + b"]" * 200 + b"}", "images"),
    "not a number": (b'{"inputs": [NaN], "signature_name": "images"}', "expected [B, 32, 32, 3]"),
    "neither": (b"{}", "either 'instances'"),
    "both": (b'{"instances": [], "inputs": []}', "either 'instances'"),
    "wrong signature": (b'{"instances": [], "signature_name": "x"}', "no signature 'x'"),
    "a list as signature": (b'{"instances": [], "signature_name": [1]}', "no signature"),
    "texts as numbers": (b'{"inputs": ["1"], "signature_name": "images"}', "expected numbers"),
    "wrong shape": (b'{"inputs": [[1, 2]], "signature_name": "images"}', "expected [B, 32, 32, 3]"),
    "ragged": (b'{"inputs": [[1, 2], [3]], "signature_name": "images"}', "different lengths"),
    "one of two inputs": (b'{"inputs": {"cases": [1]}, "signature_name": "cases"}', "'images'"),
    "uneven": (b'{"inputs": {"cases": [1], "images": []}, "signature_name": "cases"}', "lengths"),
    "large": (b'{"inputs": {"cases": [%d], "images": [""]}, "signature_name": "cases"}' % 10**30,
              "cases: a number is too large for int64"),
    "a case beyond 63 bits": (
        b'{"inputs": {"cases": [%d], "images": [""]}, "signature_name": "cases"}' % (2**64 - 1),
        "cases: a number is too large for int64",
    ),
    "beyond float32": (
        json.dumps({"inputs": np.full([1, 32, 32, 3], -1e39).tolist(), "signature_name": "images"})
        .encode(),
        "images: a number is too large for float32",
    ),
    "beyond what float32 holds exactly": (
        json.dumps({"inputs": np.full([1, 32, 32, 3], 2**24).tolist(), "signature_name": "images"})
        .encode(),
        "images: an integer is too large for float32",
    ),
    "a truth among numbers": (
        json.dumps({"inputs": [[[[0.5, True, 1]] * 32] * 32], "signature_name": "images"}).encode(),
        "expected numbers",
    ),
    "no name as signature": (b'{"instances": [""], "signature_name": null}', "no signature"),
    "an image for :classify": (
        json.dumps({"instances": [b64(GOOD)], "signature_name": "classify"}).encode(), "",
    ),
    "half a case": (b'{"inputs": {"cases": [1.5], "images": [""]}, "signature_name": "cases"}',
                    "expected numbers"),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_a_bad_body_is_refused_with_a_reason(model, name):
    body, message = BODIES[name]
    response = requests.post(f"{model}:predict", data=body, timeout=30)
    assert response.status_code == 400 and message in response.json()["error"], response.text


# Text, and what Abseil's Base64Unescape makes of it; None where it refuses.
BASE64 = {
    "QUJD": b"ABC", "QUI=": b"AB", "QUI": b"AB", "QQ==": b"A", "QQ": b"A", "QQ..": b"A", "": b"",
    "Q U\nJ\tD\r\n": b"ABC", " QQ = = ": b"A", "QQ=": None, "QUJD=": None, "Q": None, "Q=UI": None,
    "QU-_": None, "QUI==": None, "%%%%": None, "QUJDRA": b"ABCD",
}  # fmt: skip


@pytest.mark.parametrize("text", BASE64)
def test_base64_is_read_as_abseil_reads_it(text):
    if BASE64[text] is None:
        with pytest.raises(Refused, match="not base64"):
            values.bytes_of({"b64": text}, "a", LIMITS)
    else:
        assert values.bytes_of({"b64": text}, "a", LIMITS) == BASE64[text]


def test_what_tensorflow_serving_takes_is_taken(model, exported):
    expected = asked(exported, [GOOD])["probabilities"][0]

    def found(body, **more):
        response = requests.post(f"{model}:predict", data=body, timeout=30, **more)
        assert response.status_code == 200, response.text
        return response.json()["outputs"]["probabilities"][0]

    body = json.dumps({"inputs": {"images": [b64(GOOD)], "another": 3}}).encode()
    np.testing.assert_allclose(found(body), expected, 1e-5)
    zipped = gzip.compress(body)
    np.testing.assert_allclose(found(zipped, headers={"content-encoding": "gzip"}), expected, 1e-5)
    numbers = json.dumps(np.full([1, 32, 32, 3], np.nan).tolist())
    body = f'{{"inputs": {numbers}, "signature_name": "images"}}'.encode()
    assert len(found(body)) == len(expected)
    for path in ("", ":predict", "/metadata"):
        ask = requests.post if path == ":predict" else requests.get
        response = ask(f"{model}/labels/stable{path}")
        assert response.status_code == 400 and "label: stable" in response.json()["error"]


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{}", 400), (gzip.compress(b"{}")[:-9], 400), (gzip.compress(bytes(2**21)), 413)],
    ids=["none", "cut", "too large"],  # not the bytes, which hold the time
)
def test_a_body_that_is_no_gzip_or_too_large_is_refused(model, body, status):
    headers = {"content-encoding": "gzip"}
    response = requests.post(f"{model}:predict", data=body, headers=headers)
    assert response.status_code == status and response.json()["error"]


def jpeg_of_segments(count):
    return b"\xff\xd8" + b"\xff\xfe\x00\x02" * count


@pytest.mark.parametrize(
    "signature", ["serving_default", "images", "features", "cases", "classify"]
)
@pytest.mark.parametrize("key", ["instances", "inputs", "examples"])
@pytest.mark.parametrize("value", ["", 1, [], {}, {"b64": "QQ=="}])
def test_a_long_list_is_refused_before_it_is_looked_at(exported, signature, key, value):
    limits = Limits(max_batch=64)
    content = [value] * 500_000
    if signature == "cases" and key == "inputs":
        content = {"images": content, "cases": content}
    body = json.dumps({key: content, "signature_name": signature}).encode()
    read = messages.classify if key == "examples" else messages.predict
    begin = time.thread_time()
    with pytest.raises(Refused):
        read(body, exported, limits)
    assert time.thread_time() - begin < 1


def test_a_header_is_looked_at_for_a_bounded_time():
    many_chunks = GOOD[:33] + chunk(b"tEXt", b"") * 10**6
    for content in (jpeg_of_segments(4 * 10**6), b"\xff\xd8" + bytes(2**24), many_chunks):
        value = b64(content)
        begin = time.thread_time()
        try:
            values.image_of(value, "a", LIMITS)
        except Refused as error:
            assert "segments before its size" in str(error)
        assert time.thread_time() - begin < 1


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP"])
@pytest.mark.parametrize("size", [(1001, 1000), (1000, 1000)])
def test_the_pixels_of_every_format_are_read_of_its_header(form, size):
    more = {"exif": bytes(30_000), "progressive": True} if form == "JPEG" else {}
    content = encoded(Image.new("RGB", size), form, **more)
    if size[0] == 1000:
        assert values.image_of(b64(content), "a", LIMITS) == content
    else:
        with pytest.raises(Refused, match="more than 1,000,000 pixels"):
            values.image_of(b64(content), "a", LIMITS)


def test_one_client_s_work_does_not_hold_another_s_and_ends_with_its_time(exported):
    asked = []

    class Slow:
        name, version, metadata, signatures = "probe", "3", {}, exported.signatures

        @staticmethod
        def ask(signature, inputs):
            asked.append(len(inputs["images"]))
            time.sleep(0.02 * len(inputs["images"]))
            return {"error": np.array([b""] * len(inputs["images"]), object)}

    limits = Limits(seconds=2, max_batch=1000)
    with in_a_thread(Slow, limits) as address, concurrent.futures.ThreadPoolExecutor() as pool:
        model = f"{address}/v1/models/probe"
        heavy = pool.submit(predicted, model, instances=[""] * 900)  # 18 s
        while not asked:
            time.sleep(0.01)
        begin = time.monotonic()
        assert predicted(model, instances=[b64(GOOD)])[0] == 200
        assert time.monotonic() - begin < 1
        assert heavy.result()[0] == 503
        time.sleep(0.5)
        done = len(asked)
        assert predicted(model, instances=[""] * 40)[0] == 200  # in pieces, put together
        assert sum(asked[done:]) == 40
        text = requests.get(f"{address}/metrics").text
    # The seconds of what failed are counted too.
    assert 'simclr_med_request_seconds_count{method="predict"} 3.0' in text


def test_an_answer_that_is_not_finite_is_an_error_of_the_model(exported):
    class Damaged:
        name, version, metadata, signatures = "probe", "3", {}, exported.signatures

        @staticmethod
        def ask(signature, inputs):
            return {"probabilities": np.array([[np.nan, 1]], np.float32)}

    with in_a_thread(Damaged, LIMITS) as address:
        status, found = predicted(f"{address}/v1/models/probe", instances=[b64(GOOD)])
    assert status == 500 and "is not finite" in found["error"]


def memory():
    """Return the bytes of memory that this process has now."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_a_huge_body_is_refused_before_it_is_read(model):
    before = memory() if os.path.exists("/proc/self/statm") else None

    def parts():
        for _ in range(6):
            yield b" " * 2**20

    def sent(data, headers=None):
        response = requests.post(f"{model}:predict", data=data, headers=headers, timeout=30)
        assert response.status_code == 413 and "1 MiB" in response.json()["error"]

    sent(b"[" + b"1," * 2**20 + b"1]")
    sent(parts())  # chunked: without a length
    assert requests.get(model).status_code == 200
    assert before is None or memory() - before < 32 * 2**20


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/models/other", 404),
        ("/v1/models/probe/versions/4", 404),
        ("/v1/models/probe/versions/..%2f3", 404),
        ("/v1/models/..%2f..%2fetc%2fpasswd", 404),
        ("/v1/models/../../etc/passwd", 404),
        ("/v1/models/%00", 404),
        ("/v1/models/", 404),
        ("/v1/models/<script>", 404),
        ("/v1/models/" + "a" * 5000, 404),
        ("/nothing", 404),
        ("/v1/models/probe:predict", 404),  # GET of what is to be POSTed is a model's name
    ],
)
def test_other_paths_are_not_found(model, path, status):
    address = model.partition("/v1/")[0]
    session = requests.Session()
    request = requests.Request("GET", address).prepare()
    request.url = address + path  # as it is: requests would tidy it
    response = session.send(request)
    assert response.status_code == status and set(response.json()) == {"error"}
    assert response.headers["content-type"] == "application/json"


def test_another_model_is_not_asked(model):
    response = requests.post(model.replace("probe", "other") + ":predict", json={"instances": []})
    assert response.status_code == 404 and "other" in response.json()["error"]
    assert requests.post(model, json={}).status_code == 405


def test_requests_at_once_are_answered_together_and_those_beyond_refused(exported, model):
    """4 at once: the model is kept busy until six have come."""
    busy, entered, batches = threading.Event(), threading.Event(), []

    class Slow:
        name, version, metadata, signatures = "probe", "3", {}, exported.signatures

        @staticmethod
        def ask(signature, inputs):
            entered.set()
            batches.append(len(inputs["images"]))
            busy.wait(20)
            return exported.ask(signature, inputs)

    with in_a_thread(Slow, LIMITS) as address, concurrent.futures.ThreadPoolExecutor(8) as pool:
        slow = f"{address}/v1/models/probe"
        futures = [pool.submit(predicted, slow, instances=[b64(GOOD)])]
        assert entered.wait(20)
        futures += [pool.submit(predicted, slow, instances=[b64(GOOD)] * n) for n in (2, 3)]
        futures.append(pool.submit(predicted, slow, instances=[b64(GOOD)]))
        metrics = f"{address}/metrics"
        while "requests_running 4.0" not in requests.get(metrics).text:
            time.sleep(0.01)
        status, found = predicted(slow, instances=[])
        assert status == 503 and "4 requests run already" in found["error"]
        time.sleep(0.2)  # those that are read now wait
        busy.set()
        answers = [future.result() for future in futures]
        text = requests.get(metrics).text
    assert [len(found["predictions"]) for _, found in answers] == [1, 2, 3, 1]
    assert sorted(batches) == [1, 6]
    assert 'simclr_med_requests_total{method="predict",status="503"} 1.0' in text
    assert 'simclr_med_requests_total{method="predict",status="200"} 4.0' in text
    assert "simclr_med_batch_images_sum 7.0" in text


def test_an_answer_that_takes_too_long_is_given_up(exported):
    class Stuck:
        name, version, metadata, signatures = "probe", "3", {}, exported.signatures

        @staticmethod
        def ask(signature, inputs):
            time.sleep(2.5)
            return {"error": np.array([b""], object)}

    limits = Limits(seconds=1)
    with in_a_thread(Stuck, limits) as address:
        status, found = predicted(f"{address}/v1/models/probe", instances=[b64(GOOD)])
    assert status == 503 and "not answered within 1 s" in found["error"]


def test_a_fault_of_the_server_is_told_without_its_details(exported, caplog):
    class Broken:
        name, version, metadata, signatures = "probe", "3", {}, exported.signatures

        @staticmethod
        def ask(signature, inputs):
            raise RuntimeError("secret")

    with in_a_thread(Broken, LIMITS) as address:
        status, found = predicted(f"{address}/v1/models/probe", instances=[b64(GOOD)])
        assert status == 500 and "secret" not in found["error"]
        assert requests.get(f"{address}/v1/models/probe").status_code == 200


def test_the_page_needs_nothing_from_elsewhere(model):
    address = model.partition("/v1/")[0]
    response = requests.get(address)
    assert response.status_code == 200 and "v1/models/probe:predict" in response.text
    assert "http://" not in response.text and "https://" not in response.text
    assert "connect-src 'self'" in response.headers["content-security-policy"]


def spoken(address, text, wait):
    """Say a text to the server, and return what it said within so many seconds, and when."""
    host, port = address.removeprefix("http://").split(":")
    begin = time.monotonic()
    with socket.create_connection((host, int(port)), timeout=wait) as connection:
        connection.sendall(text)
        heard = b""
        while part := connection.recv(2**16):
            heard += part
            if b"}" in heard:
                break
    return heard, time.monotonic() - begin


def test_a_process_of_its_own_outlives_slow_clients_and_ends_when_told(exported_probe):
    with in_a_process(exported_probe / "export", "--seconds=4", "--concurrency=2") as (
        process,
        address,
    ):
        model = f"{address}/v1/models/probe"
        status, found = predicted(model, instances=[b64(GOOD)])
        assert status == 200 and len(found["predictions"]) == 1
        headers = b"POST /v1/models/probe:predict HTTP/1.1\r\nA: "  # that never end
        body = b"POST /v1/models/probe:predict HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n{"
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            heard = pool.map(lambda text: spoken(address, text, 30), (headers, body, b""))
            (of_headers, waited), (of_body, _), (of_nothing, _) = heard
        assert of_headers == of_nothing == b"" and 3 < waited < 20
        assert b" 408 " in of_body.splitlines()[0] and b"not come within 4 s" in of_body
        # One that goes away in the middle.
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(body)
        # One is being read when the end is told: it is answered.
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            content = json.dumps({"instances": [b64(GOOD)] * 2}).encode()

            def halves():
                yield content[:50]
                time.sleep(0.7)
                yield content[50:]

            late = pool.submit(requests.post, f"{model}:predict", data=halves(), timeout=20)
            time.sleep(0.4)
            process.send_signal(signal.SIGTERM)
            assert len(late.result().json()["predictions"]) == 2
        assert process.wait(20) == 0
        assert process.stderr.read() == ""


def test_what_is_no_export_is_named(tmp_path, exported_probe):
    with pytest.raises(InputError, match="expected an export"):
        Exported.load(tmp_path, "a")
    with pytest.raises(InputError, match="no such folder"):
        Exported.load(tmp_path / "gone", "a")
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot be loaded"):
        Exported.load(tmp_path, "a")
    assert Exported.load(exported_probe / "export" / "3", "a").version == "3"


@pytest.mark.parametrize("signed", [False, True])
def test_a_saved_model_of_others_is_named(signed, tmp_path):
    module = tf.Module()
    takes_numbers = tf.function(
        lambda images: {"y": images}, [tf.TensorSpec([None], name="images")]
    )
    module.f = takes_numbers
    signatures = {"serving_default": takes_numbers} if signed else None
    tf.saved_model.save(module, str(tmp_path / "1"), signatures)
    with pytest.raises(InputError, match="serving_default does not take encoded images"):
        Exported.load(tmp_path, "a")


def tool(monkeypatch, *arguments):
    """Call tools/serve.py's `main`."""
    from simclr_med.command import serve

    monkeypatch.setattr("sys.argv", ["serve.py", *map(str, arguments)])
    return serve.main()


def test_wrong_flags_of_the_tool_are_named(exported_probe, tmp_path, monkeypatch):
    folder = exported_probe / "export"
    for flag in ("max_body_mib", "max_pixels", "max_batch", "concurrency", "seconds"):
        with pytest.raises(InputError, match=f"--{flag}=0: expected 1 or more"):
            tool(monkeypatch, folder, f"--{flag}=0")
    with pytest.raises(InputError, match="--name=a/b: expected letters"):
        tool(monkeypatch, folder, "--name=a/b")
    with pytest.raises(InputError, match="expected an export"):
        tool(monkeypatch, tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        tf.config.experimental.enable_tensor_float_32_execution(True)
        with pytest.raises(InputError, match=f"--port={port}: .*in use"):
            tool(monkeypatch, folder, f"--port={port}")
        assert not tf.config.experimental.tensor_float_32_execution_enabled()
    monkeypatch.delattr("simclr_med.serving.rest.server", raising=False)
    monkeypatch.setitem(sys.modules, "simclr_med.serving.rest.server", None)
    with pytest.raises(InputError, match=r"pip install .*\[serving\]"):
        tool(monkeypatch, folder)


def test_a_model_is_called_as_its_run_or_its_folder(tmp_path):
    from simclr_med.command.serve import named

    assert named(tmp_path / "work" / "probe" / "export" / "3") == "probe"
    assert named(tmp_path / "models" / "skin" / "3") == "skin"
