"""An exported model behind TensorFlow Serving's REST API, on one machine, for trying and tests.

    exported = Exported.load("work/probe/export", "probe")
    server.run(exported, Limits(), "127.0.0.1", 8501)

TensorFlow runs in one thread (`batching`), the rest in one event loop. What a request may cost is
bounded by `limits`; what is wrong with it is a `Refused`, answered as {"error": ...}.
"""
