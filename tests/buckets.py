"""An S3 server on this machine, with a bucket, for the tests of what is in object storage."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from unittest import mock
from urllib.request import Request, urlopen

import fsspec
import s3fs
from moto.server import ThreadedMotoServer

BUCKET = 'photoreal'
URL = f's3://{BUCKET}'


@contextmanager
def serve() -> Iterator[Mapping[str, str]]:
    """Run the server; gives the environment variables by which s3fs reaches it, which this process has too."""
    server = ThreadedMotoServer('127.0.0.1', 0, verbose=False)
    server.start()
    try:
        with _reached_at(*server.get_host_and_port()) as environment:
            # What an earlier server of this process was given is still there.
            urlopen(Request(f'{environment["AWS_ENDPOINT_URL"]}/moto-api/reset', method='POST')).close()
            fsspec.filesystem('s3').mkdir(BUCKET)
            yield environment
    finally:
        server.stop()


class _Denying(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(403)
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(b'<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>')

    do_HEAD = do_PUT = do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serve_nobody() -> Iterator[Mapping[str, str]]:
    """As :func:`serve`, a server that denies everything as S3 does."""
    with ThreadingHTTPServer(('127.0.0.1', 0), _Denying) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with _reached_at(*server.server_address) as environment:
            yield environment
        server.shutdown()


@contextmanager
def _reached_at(host: str, port: int) -> Iterator[Mapping[str, str]]:
    environment = {'AWS_ENDPOINT_URL': f'http://{host}:{port}', 'AWS_ACCESS_KEY_ID': 'someone',
                   'AWS_SECRET_ACCESS_KEY': 'secret', 'AWS_DEFAULT_REGION': 'us-east-1', 'AWS_MAX_ATTEMPTS': '1'}
    with mock.patch.dict(os.environ, environment):
        s3fs.S3FileSystem.clear_instance_cache()  # those before know another address
        yield environment
    s3fs.S3FileSystem.clear_instance_cache()
