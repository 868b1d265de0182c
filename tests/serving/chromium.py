"""A headless Chromium, spoken to through its pipe (Chrome DevTools Protocol)."""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class Browser:
    """A tab; `write` and `read` are ends of pipes."""

    def __init__(self, write, read):
        self.out, self.into = os.fdopen(write, "wb", 0), os.fdopen(read, "rb", 0)
        self.number, self.session, self.events, self.rest = 0, None, [], b""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        found = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self.session = found["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def ask(self, method, **params):
        """Return a method's result; what else is told meanwhile joins `events`."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        message |= {"sessionId": self.session} if self.session else {}
        self.out.write(json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self.rest:
                self.rest += self.into.read(2**16)
            line, _, self.rest = self.rest.partition(b"\0")
            answer = json.loads(line)
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def open(self, address):
        """Open an address, and wait until it is loaded."""
        self.ask("Page.navigate", url=address)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def evaluate(self, code):
        """Return the value of a JavaScript expression."""
        found = self.ask("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, code, seconds=20):
        """Wait until an expression is truthy."""
        end = time.monotonic() + seconds
        while not self.evaluate(f"!!({code})"):
            assert time.monotonic() < end, code
            time.sleep(0.05)

    def choose(self, selector, file):
        """Choose a file in a form's field."""
        node = self.ask("DOM.getDocument")["root"]["nodeId"]
        field = self.ask("DOM.querySelector", nodeId=node, selector=selector)["nodeId"]
        self.ask("DOM.setFileInputFiles", nodeId=field, files=[str(file)])

    def picture(self, file):
        """Write what is to be seen as a PNG."""
        shot = self.ask("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(shot["data"]))

    def complaints(self):
        """Return what the console has told of errors."""
        kinds = ("Log.entryAdded", "Runtime.exceptionThrown")
        return [event for event in self.events if event.get("method") in kinds]


@contextlib.contextmanager
def browser():
    """Yield a `Browser`."""
    (into, write), (read, out) = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory() as profile:
        command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu",
                   "--disable-dev-shm-usage", f"--user-data-dir={profile}",
                   "--window-size=900,900", "--remote-debugging-pipe"]  # fmt: skip
        script = f'exec 3<&{into} 4>&{out}; exec "$@"'
        process = subprocess.Popen(
            ["bash", "-c", script, "chromium", *command], pass_fds=[into, out],
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(into), os.close(out)
        try:
            yield Browser(write, read)
        finally:
            process.kill()
            process.wait()
            time.sleep(0.2)  # its children let go of the profile
