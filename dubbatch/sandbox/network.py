"""The network between a client and the service: each call arrives late, and so does its answer."""

from __future__ import annotations

import random

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dubbatch.sandbox.account import Account


class Network:
    """Wraps the service's routes; what they see of a call, they see when it has arrived."""

    def __init__(self, app: ASGIApp, account: Account) -> None:
        self._app = app
        self._account = account
        self._random = random.Random(account.settings.seed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_late(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._travel()
            await send(message)

        await self._travel()
        await self._app(scope, receive, send_late)

    async def _travel(self) -> None:
        if (delay_s := self._account.settings.delay_s) > 0:
            await self._account.clock.pause(self._random.uniform(0, delay_s))
