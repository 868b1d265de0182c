"""Server of an exported model with TensorFlow Serving's REST API, for trying and tests.

    exported = Exported.load("work/probe/export", "probe")
    server.run(exported, Limits(), "127.0.0.1", 8501)

TensorFlow runs in one thread (`batching`), the rest in one event loop. The cost of a
request is bounded by `limits`; a wrong one is a `Refused`, answered as {"error": ...}.
"""
