"""Python's websockets: an echo on a port that it says, until standard input ends."""

import asyncio
import logging
import os
import sys
import threading

from websockets.asyncio.server import serve


async def echo(ws):
    async for message in ws:
        await ws.send(message)


async def main():
    async with serve(
        echo, "127.0.0.1", 0, compression=None, max_size=16 << 20, ping_interval=None, close_timeout=5
    ) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().create_future()


def until_input_ends():
    sys.stdin.read()
    os._exit(0)


logging.getLogger("websockets").setLevel(logging.CRITICAL)
threading.Thread(target=until_input_ends, daemon=True).start()
asyncio.run(main())
