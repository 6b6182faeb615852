import asyncio
import sys

from tornado import web, websocket


class Echo(websocket.WebSocketHandler):
    def get_compression_options(self):
        return {}

    async def on_message(self, message):
        await self.write_message(message, binary=isinstance(message, bytes))


async def server(port):
    app = web.Application([("/", Echo)], websocket_max_message_size=2**25)
    app.listen(port, "127.0.0.1")
    await asyncio.Event().wait()


async def client(url):
    ws = await websocket.websocket_connect(f"{url}/getCaseCount")
    count = int(await ws.read_message())
    for case in range(1, count + 1):
        try:
            uri = f"{url}/runCase?case={case}&agent=tornado"
            ws = await websocket.websocket_connect(
                uri, compression_options={}, max_message_size=2**25
            )
            while (message := await ws.read_message()) is not None:
                await ws.write_message(message, binary=isinstance(message, bytes))
        except Exception as error:  # It has no common type for a handshake that failed.
            print(case, repr(error), file=sys.stderr)
    ws = await websocket.websocket_connect(f"{url}/updateReports?agent=tornado")
    await ws.read_message()


role, at = sys.argv[1:]
asyncio.run(server(int(at)) if role == "server" else client(at))
