"""A real camera for the faults: JPEG pictures of the synthetic person, served over HTTP as network cameras do."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2

from faults.witness import CLIP, FPS, FRAMES
from nbst_live.closing import Closable

BOUNDARY = "frame"


class NetworkCamera(Closable):
    """Plays the clip forth and back for ever at its own rate, to whoever opens `url`, at this port (0: a free one).

    While `silent` is set it sends nothing to those that are connected, and says nothing of it.
    """

    def __init__(self, port: int = 0) -> None:
        best = [cv2.IMWRITE_JPEG_QUALITY, 95]
        jpegs = [cv2.imencode(".jpg", CLIP.frame(index), best)[1].tobytes() for index in range(FRAMES)]
        self._over, self.silent = threading.Event(), threading.Event()
        handler = _handler([*jpegs, *jpegs[-2:0:-1]], self._over, self.silent)
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/camera.mjpg"
        self._thread = threading.Thread(target=self._server.serve_forever, name="network-camera", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(jpegs: list[bytes], over: threading.Event, silent: threading.Event) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", f"multipart/x-mixed-replace;boundary={BOUNDARY}")
            self.end_headers()
            began, index = time.monotonic(), 0
            try:
                while not over.wait(max(0.0, began + index / FPS - time.monotonic())):
                    if not silent.is_set():
                        self._send(jpegs[index % len(jpegs)])
                    index += 1
            except ConnectionError:
                return

        def _send(self, jpeg: bytes) -> None:
            head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            self.wfile.write(head.encode() + jpeg + b"\r\n")

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:  # noqa: ARG002 - says nothing
            return

    return Handler
