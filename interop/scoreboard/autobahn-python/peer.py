import asyncio
import sys

from autobahn.asyncio import websocket
from autobahn.websocket import compress


def accept_as_server(offers):
    for offer in offers:
        if isinstance(offer, compress.PerMessageDeflateOffer):
            return compress.PerMessageDeflateOfferAccept(offer)


def accept_as_client(response):
    if isinstance(response, compress.PerMessageDeflateResponse):
        return compress.PerMessageDeflateResponseAccept(response)


class Server(websocket.WebSocketServerProtocol):
    def onMessage(self, payload, isBinary):
        self.sendMessage(payload, isBinary)


class Client(websocket.WebSocketClientProtocol):
    def onMessage(self, payload, isBinary):
        self.factory.last = payload
        if self.factory.echoes:
            self.sendMessage(payload, isBinary)

    def connection_lost(self, exc):
        super().connection_lost(exc)
        self.factory.over.set_result(None)


async def connect(url, path, echoes=False):
    factory = websocket.WebSocketClientFactory(url + path)
    factory.protocol, factory.over = Client, asyncio.get_running_loop().create_future()
    factory.echoes, factory.last = echoes, None
    offers = [compress.PerMessageDeflateOffer()] if echoes else []
    factory.setProtocolOptions(
        perMessageCompressionOffers=offers, perMessageCompressionAccept=accept_as_client
    )
    await asyncio.get_running_loop().create_connection(factory, factory.host, factory.port)
    await factory.over
    return factory.last


async def client(url):
    for case in range(1, int(await connect(url, "/getCaseCount")) + 1):
        await connect(url, f"/runCase?case={case}&agent=autobahn-python", echoes=True)
    await connect(url, "/updateReports?agent=autobahn-python")


async def server(port):
    factory = websocket.WebSocketServerFactory(f"ws://127.0.0.1:{port}")
    factory.protocol = Server
    factory.setProtocolOptions(perMessageCompressionAccept=accept_as_server)
    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", port)
    await server.serve_forever()


role, at = sys.argv[1:]
asyncio.run(server(int(at)) if role == "server" else client(at))
