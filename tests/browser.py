"""A real headless Chromium over WebDriver, with nothing but the standard library; tests that ask for it say why they skip."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from typing import Any

ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage"]
SECONDS = 60.0


def missing() -> str | None:
    """Return what is missing of a browser; None where all is there."""
    lacking = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"no {' and no '.join(lacking)} on this machine" if lacking else None


class Browser:
    """One session; `close` ends it and its driver."""

    def __init__(self) -> None:
        driver = shutil.which("chromedriver")
        assert driver is not None
        self.driver = subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        options = {"binary": shutil.which("chromium"), "args": ARGUMENTS}
        wanted = {"goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}, "goog:chromeOptions": options}
        self.session = ""
        try:
            self.root = f"http://127.0.0.1:{self._port()}"
            answer = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
            self.session = f"/session/{answer['sessionId']}"
        except BaseException:
            self.close()
            raise

    def _port(self) -> int:
        """Return the port that the driver took: it says so when it is ready, and no other process can have it."""
        assert self.driver.stdout is not None
        for line in self.driver.stdout:
            said = re.search(rb"started successfully on port (\d+)", line)
            if said:
                return int(said[1])
        raise ChildProcessError(f"chromedriver ended with code {self.driver.wait()} before it took a port")

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.root + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return json.load(answer)["value"]

    def open(self, url: str, *, width: int = 1280, dark: bool = False) -> None:
        self.devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500
        )
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.devtools("Emulation.setEmulatedMedia", features=scheme)
        self.devtools("Emulation.setFocusEmulationEnabled", enabled=True)
        self.log("browser")
        self.log("performance")
        self._call("POST", f"{self.session}/url", {"url": url})
        # On a loaded machine the call has come back before the new page had its body.
        self.wait_for(f"document.URL === {json.dumps(url)} && document.readyState === 'complete' && !!document.body")

    def devtools(self, command: str, **parameters: Any) -> Any:
        return self._call("POST", f"{self.session}/goog/cdp/execute", {"cmd": command, "params": parameters})

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression, evaluated by the developer tools: the page itself may run nothing."""
        answer = self.devtools("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Return when an expression is true; what a key or a page sets off may take its time."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            # While one page gives way to another there is nothing to evaluate in.
            with contextlib.suppress(urllib.error.HTTPError):
                if self.evaluate(expression):
                    return
            time.sleep(0.02)
        raise TimeoutError(f"never became true: {expression}")

    def log(self, kind: str) -> list[Any]:
        entries: list[Any] = self._call("POST", f"{self.session}/se/log", {"type": kind})
        return entries

    def requests(self) -> list[str]:
        """Return every address that the page has asked for since it was opened."""
        events = [json.loads(entry["message"])["message"] for entry in self.log("performance")]
        return [each["params"]["request"]["url"] for each in events if each["method"] == "Network.requestWillBeSent"]

    def screenshot(self) -> bytes:
        return base64.b64decode(self.devtools("Page.captureScreenshot")["data"])

    def press(self, key: str, times: int = 1) -> None:
        keys = [{"type": kind, "value": key} for _ in range(times) for kind in ("keyDown", "keyUp")]
        self._call("POST", f"{self.session}/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": keys}]})

    def close(self) -> None:
        try:
            if self.session:
                self._call("DELETE", self.session)
        finally:
            self.driver.terminate()
            self.driver.communicate()
