"""An HTTP server on this machine that does what servers of models do, and what they do wrong."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Server:
    """Serves one file at any path but ``/nothing``, and is a proxy, too.

    Attributes:
        body: The file.
        tag: Its ETag; None: it sends none.
        ranges: Whether it answers to Range.
        breaks_after: Close the connection after so many bytes of an answer; None: never.
        asked: For each request its target, Range and If-Range.
    """

    body: bytes
    tag: str | None = '"1"'
    ranges: bool = True
    breaks_after: int | None = None
    asked: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    address: str = ''


@contextmanager
def serve(body: bytes) -> Iterator[Server]:
    server = Server(body)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted, condition = self.headers.get('Range'), self.headers.get('If-Range')
            server.asked.append((self.path, wanted, condition))
            if self.path.endswith('/nothing'):
                self.send_error(404)
                return
            start = int(re.match(r'bytes=(\d+)-', wanted)[1]) if wanted and server.ranges else 0
            start = 0 if condition not in (None, server.tag) else start
            if start and start >= len(server.body):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            self.send_header('Content-Length', str(len(server.body) - start))
            if start:
                self.send_header('Content-Range', f'bytes {start}-{len(server.body) - 1}/{len(server.body)}')
            if server.tag:
                self.send_header('ETag', server.tag)
            self.end_headers()
            self.wfile.write(server.body[start:][:server.breaks_after])

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    http = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.address = f'http://127.0.0.1:{http.server_port}'
    thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
