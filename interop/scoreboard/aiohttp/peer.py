import asyncio
import sys

import aiohttp
from aiohttp import web


async def echo(ws):
    async for message in ws:
        if message.type == aiohttp.WSMsgType.TEXT:
            await ws.send_str(message.data)
        elif message.type == aiohttp.WSMsgType.BINARY:
            await ws.send_bytes(message.data)


async def accept(request):
    ws = web.WebSocketResponse(max_msg_size=2**25)
    await ws.prepare(request)
    await echo(ws)
    return ws


async def client(url):
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(f"{url}/getCaseCount") as ws:
            count = int(await ws.receive_str())
        for case in range(1, count + 1):
            try:
                uri = f"{url}/runCase?case={case}&agent=aiohttp"
                async with session.ws_connect(uri, compress=15, max_msg_size=2**25) as ws:
                    await echo(ws)
            except (aiohttp.ClientError, OSError):
                pass
        async with session.ws_connect(f"{url}/updateReports?agent=aiohttp") as ws:
            await ws.receive()


role, at = sys.argv[1:]
if role == "server":
    app = web.Application()
    app.add_routes([web.get("/", accept)])
    web.run_app(app, host="127.0.0.1", port=int(at), print=None)
else:
    asyncio.run(client(at))
