import asyncio
import sys

import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve


async def echo(ws):
    async for message in ws:
        await ws.send(message)


async def server(port):
    async with serve(echo, "127.0.0.1", port, max_size=2**25, ping_interval=None) as server:
        await server.serve_forever()


async def client(url):
    async with connect(f"{url}/getCaseCount") as ws:
        count = int(await ws.recv())
    for case in range(1, count + 1):
        try:
            uri = f"{url}/runCase?case={case}&agent=websockets"
            async with connect(uri, max_size=2**25, ping_interval=None) as ws:
                await echo(ws)
        except (websockets.WebSocketException, OSError, EOFError):
            pass
    async with connect(f"{url}/updateReports?agent=websockets") as ws:
        await ws.wait_closed()


role, at = sys.argv[1:]
asyncio.run(server(int(at)) if role == "server" else client(at))
