import asyncio
import sys

from hypercorn.asyncio import serve
from hypercorn.config import Config


async def echo(scope, receive, send):
    if scope["type"] != "websocket":
        return
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send(message | {"type": "websocket.send"})


config = Config()
config.bind = [f"127.0.0.1:{sys.argv[1]}"]
config.websocket_max_message_size = 2**25
config.errorlog = None
asyncio.run(serve(echo, config))
