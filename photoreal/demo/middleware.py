"""What every request to the demo passes through, before Gradio sees it."""

import re

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from photoreal.demo.login import ADDRESS

# The browser may talk to this server alone, whatever a library on the page would like.
POLICY = ("default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
          "style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; form-action 'self'; base-uri 'self'")
# What Gradio offers besides the page: fetching addresses, writing states and recordings to the disk, its own history.
_CLOSED = re.compile(r'/monitoring|/gradio_api/'
                     r'(file[=/]\w{2,}:/|proxy=|deep_link|runs|run-history|process_recording|vibe-|undo-vibe-)')


class Shield:
    """Middleware that answers for what the page has no use for, and adds the headers of a closed page to the rest."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with(message: Message) -> None:
            if message['type'] == 'http.response.start':
                message['headers'] = [*message['headers'], (b'content-security-policy', POLICY.encode()),
                                      (b'x-content-type-options', b'nosniff'), (b'referrer-policy', b'no-referrer')]
                if scope['path'].startswith('/gradio_api/'):  # what a visitor has made is not for caches on the way
                    message['headers'].append((b'cache-control', b'private'))
            await send(message)

        if scope['type'] == 'http':
            ADDRESS.set((scope.get('client') or ('',))[0])
            if _CLOSED.match(scope['path']):
                await PlainTextResponse('not found', 404)(scope, receive, send_with)
                return
        await self._app(scope, receive, send_with)
