"""An HTTP server on this machine that interrupts, stalls, rejects and misreports."""

import re
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from emofactors.corpora.acquire.fetch import RetryPolicy


class Server:
    """Serve bytes by path, with faults.

    Attributes:
        files: path -> content.
        tags: path -> ETag, or None.
        faults: path -> fault of each request: ``("cut", n)`` closes the connection after n bytes of the body,
            ``("stall", n)`` stops sending after n bytes, ``("status", code, headers)`` sends another status,
            ``("lie", content_range)`` sends a wrong Content-Range.
        ranges: whether range requests are supported.
        bytes_a_second: speed; None: unlimited.
        asked: path, ``Range`` and ``If-Range`` of each request.
        served: number of sent bytes of content.
        stalling: number of responses that send nothing more until a minute is over.
    """

    def __init__(self):
        self.files, self.tags, self.faults = {}, {}, {}
        self.ranges, self.bytes_a_second = True, None
        self.asked, self.served, self.stalling = [], 0, 0
        self.ended = threading.Event()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self.ended.set()
        self.http.shutdown()
        self.http.server_close()

    def offer(self, path, content, tag='"one"', faults=()):
        self.files[path], self.tags[path], self.faults[path] = content, tag, deque(faults)
        return self.url + path

    def handler(server):  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                server.asked.append((self.path, self.headers.get("Range"), self.headers.get("If-Range")))
                fault = server.faults[self.path].popleft() if server.faults.get(self.path) else ("none",)
                if fault[0] == "status" or self.path not in server.files:
                    code, headers = fault[1:] if fault[0] == "status" else (404, {})
                    self.answer(code, headers | {"Content-Length": "0"})
                    return
                content, tag = server.files[self.path], server.tags[self.path]
                start = self.start_of_range(tag)
                headers = {} if tag is None else {"ETag": tag}
                if start is not None and start >= len(content):
                    self.answer(416, {"Content-Range": f"bytes */{len(content)}", "Content-Length": "0"})
                    return
                body = content[start or 0 :]
                headers["Content-Length"] = str(len(body))
                if start is not None:
                    headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
                if fault[0] == "lie":
                    headers["Content-Range"] = fault[1]
                self.answer(200 if start is None else 206, headers)
                self.send_body(body, fault)

            def start_of_range(self, tag):
                asked, condition = self.headers.get("Range"), self.headers.get("If-Range")
                if asked is None or not server.ranges or (condition is not None and condition != tag):
                    return None
                return int(re.fullmatch(r"bytes=(\d+)-", asked)[1])

            def answer(self, code, headers):
                self.send_response(code)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def send_body(self, body, fault):
                sent = body[: fault[1]] if fault[0] in ("cut", "stall") else body
                step = len(sent) if server.bytes_a_second is None else server.bytes_a_second // 50
                for begin in range(0, len(sent), max(1, step)):
                    part = sent[begin : begin + step]
                    server.served += len(part)  # count before the client can read it
                    try:
                        self.wfile.write(part)
                    except OSError:  # the client is gone
                        server.served -= len(part)
                        self.close_connection = True
                        return
                    if server.bytes_a_second is not None:
                        time.sleep(1 / 50)
                if fault[0] == "stall":
                    server.stalling += 1
                    server.ended.wait(60)
                    server.stalling -= 1
                if len(sent) < len(body):
                    self.close_connection = True

        return Handler


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture(scope="session")
def quick_retries():
    """Retries without waits for tests."""
    return RetryPolicy(attempts=3, wait_s=0.01, max_wait_s=1)
