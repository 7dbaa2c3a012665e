"""A real headless Chromium over WebDriver, with nothing but the standard library; tests that ask for it say why they skip."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from typing import Any

ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage"]


def missing() -> str | None:
    """Return what is missing of a browser; None where all is there."""
    lacking = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"no {' and no '.join(lacking)} on this machine" if lacking else None


class Browser:
    """One session; `close` ends it and its driver."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.root = f"http://127.0.0.1:{port}"
        driver = shutil.which("chromedriver")
        assert driver is not None
        self.driver = subprocess.Popen([driver, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        options = {"binary": shutil.which("chromium"), "args": ARGUMENTS}
        wanted = {"goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}, "goog:chromeOptions": options}
        self.session = ""
        try:
            self._wait()
            answer = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
            self.session = f"/session/{answer['sessionId']}"
        except BaseException:
            self.close()
            raise

    def _wait(self) -> None:
        for _ in range(200):
            try:
                self._call("GET", "/status")
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise TimeoutError("chromedriver did not start in ten seconds")

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.root + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def open(self, url: str, *, width: int = 1280, dark: bool = False) -> None:
        self.devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500
        )
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.devtools("Emulation.setEmulatedMedia", features=scheme)
        self.log("browser")
        self.log("performance")
        self._call("POST", f"{self.session}/url", {"url": url})

    def devtools(self, command: str, **parameters: Any) -> Any:
        return self._call("POST", f"{self.session}/goog/cdp/execute", {"cmd": command, "params": parameters})

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression, evaluated by the developer tools: the page itself may run nothing."""
        answer = self.devtools("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

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
            self.driver.wait()
