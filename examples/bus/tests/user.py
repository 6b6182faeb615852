"""A user of the chat behind the proxy at ADDRESS: user.py ADDRESS

It prints what it is told, and says the lines of its input. It needs the package websockets.
"""

import asyncio
import json
import sys

import websockets


async def say(ws):
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        await ws.send(json.dumps({"line": line.strip()}))


async def main(address):
    host, port = address.split(":")
    async with websockets.connect("ws://chat.example/chat", host=host, port=int(port)) as ws:
        saying = asyncio.create_task(say(ws))
        try:
            async for message in ws:
                print(message, flush=True)
        except websockets.ConnectionClosedError:
            pass  # its server has died
        saying.cancel()


asyncio.run(main(sys.argv[1]))
