"""Python's ends of the conversations of run.sh, over HTTP/2.

    peer.py client PORT CERTIFICATE   h2 and websockets; the certificate is what the server must have
    peer.py server                    hypercorn, without TLS; prints its port
"""

import asyncio
import os
import socket
import ssl
import sys

MESSAGES = ["", "Hello", "Grüße 😀" * 20_000, b"", bytes(range(256)) * 1000]


def client(port, certificate):
    sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "reverse-proxies"))
    import tunnel
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect

    def websocket(origin):
        context = ssl.create_default_context(cafile=certificate)
        context.set_alpn_protocols(["h2"])
        tls = context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost")
        assert tls.selected_alpn_protocol() == "h2", tls.selected_alpn_protocol()
        stream = tunnel.connect(tls, f"localhost:{port}")
        # The scheme is for the stream, which has its TLS already.
        options = {"origin": origin, "subprotocols": ["v1.echo"], "max_size": None, "proxy": None}
        return connect(f"ws://localhost:{port}/echo", sock=stream, **options)

    with websocket(f"https://localhost:{port}") as ws:
        assert ws.subprotocol == "v1.echo", ws.subprotocol
        assert [it.name for it in ws.protocol.extensions] == ["permessage-deflate"]
        ws.send("Which HTTP?")
        assert ws.recv() == "HTTP/2.0"
        for message in MESSAGES:
            ws.send(message)
            assert ws.recv() == message
        assert ws.ping(b"?").wait(60)
        ws.close(3001, "enough")
    assert (ws.close_code, ws.close_reason) == (3001, "enough"), (ws.close_code, ws.close_reason)
    for origin in ["https://elsewhere.example", f"http://localhost:{port}", "null"]:
        try:
            with websocket(origin):
                raise AssertionError(f"{origin} may connect")
        except InvalidStatus as error:
            assert error.response.status_code == 403, error
    print("permessage-deflate, a refused origin, 3001")


async def echo(scope, receive, send):
    if scope["type"] == "lifespan":
        return
    assert scope["type"] == "websocket" and scope["http_version"] == "2", scope
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept", "subprotocol": scope["subprotocols"][-1]})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


def server():
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    listener = socket.create_server(("127.0.0.1", 0))
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.errorlog = None
    print(listener.getsockname()[1], flush=True)
    asyncio.run(serve(echo, config))


if sys.argv[1] == "server":
    server()
else:
    client(int(sys.argv[2]), sys.argv[3])
