"""A client for which run.sh puts a reverse proxy before a hybi server. Each command prints what came of it, or fails.

    conversation.py talk HTTP_PORT HTTPS_PORT [1] with the example echo_server, by HTTP/1.1, TLS and HTTP/2 (1: must be offered)
    conversation.py origins HTTP_PORT HTTPS_PORT  with the example chat, which allows its own origin only
    conversation.py status PORT STATUS WORDS      a handshake is refused with that status, and a body with these words
    conversation.py cookie PORT [LENGTH STATUS].. a handshake with a cookie of that length is answered so
    conversation.py idle PORT                     somebody ends a silent connection
"""

import http.client
import json
import random
import socket
import ssl
import sys

import tunnel
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect

HOST = "localhost"
NOISE = random.Random(1).randbytes(1 << 20)
# A client may claim this. No backend may believe it.
FORGED = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "forged"}


def tls(port, protocol):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols([protocol])
    stream = context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname=HOST)
    assert stream.selected_alpn_protocol() == protocol, stream.selected_alpn_protocol()
    return stream


def open_socket(port, way):
    if way == "HTTP/1.1":
        return socket.create_connection(("127.0.0.1", port))
    if way == "HTTP/1.1 with TLS":
        return tls(port, "http/1.1")
    return tunnel.connect(tls(port, "h2"), f"{HOST}:{port}")


def websocket(port, way, path="/", **options):
    # The scheme is for the socket, which has its TLS already.
    options = {"max_size": None, "ping_interval": None, **options}
    return connect(f"ws://{HOST}:{port}{path}", sock=open_socket(port, way), proxy=None, **options)


def get(port, path, way="HTTP/1.1"):
    connection = http.client.HTTPConnection(HOST, port)
    connection.sock = open_socket(port, way)
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, response.read()


def talk(plain_port, tls_port, must_offer=0):
    for way, port in [("HTTP/1.1", plain_port), ("HTTP/1.1 with TLS", tls_port), ("HTTP/2", tls_port)]:
        try:
            talk_by(way, port, plain_port)
        except tunnel.Unsupported:
            assert not must_offer, "no extended CONNECT is offered"
            print(f"    {way}: browsers use HTTP/1.1, because no extended CONNECT is offered")


def talk_by(way, port, plain_port):
    if way != "HTTP/2":
        status, page = get(port, "/", way)
        assert status == 200 and page.startswith(b"<!doctype html>"), (status, page[:80])

    scheme = "http" if way == "HTTP/1.1" else "https"
    origin, id = f"{scheme}://{HOST}:{port}", "".join(random.choices("abcdef", k=20))
    options = {"origin": origin, "subprotocols": ["superchat", "echo"], "additional_headers": FORGED}
    with websocket(port, way, f"/?id={id}", **options) as ws:
        assert ws.subprotocol == "echo", ws.subprotocol
        assert [it.name for it in ws.protocol.extensions] == ["permessage-deflate"]
        for message in ["", "Hello", "Grüße 😀" * 10_000, b"", NOISE, "x" * 65_536]:
            ws.send(message)
            assert ws.recv() == message
        ws.send([NOISE[:10], NOISE[10:70_000], NOISE[70_000:]])
        assert ws.recv() == NOISE
        assert ws.ping(b"?").wait(60)
        ws.close(3001, "enough")
    assert (ws.close_code, ws.close_reason) == (3001, "enough"), (ws.close_code, ws.close_reason)

    # The request as the server saw it.
    status, wire = get(plain_port, f"/wire?id={id}")
    assert status == 200, status
    head = bytes.fromhex(json.loads(wire)["request"]).decode()
    line, *lines = head.split("\r\n")[:-2]
    assert line == f"GET /?id={id} HTTP/1.1", line
    fields = {}
    for name, value in (line.split(":", 1) for line in lines):
        assert name.lower() not in fields or name.lower() not in ["host", "origin", "x-forwarded-for"], head
        fields[name.lower()] = value.strip()
    want = {
        "host": f"{HOST}:{port}",
        "origin": origin,
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-proto": scheme,
        "sec-websocket-version": "13",
    }
    got = {name: fields.get(name) for name in want}
    assert got == want, got

    # A code of the server's.
    with websocket(port, way) as ws:
        ws.send(b"\xff", text=True)
        try:
            ws.recv()
            raise AssertionError("an answer to a text that is none")
        except ConnectionClosedError as error:
            assert error.rcvd.code == 1007, error
    print(f"    {way}: the whole conversation")


def origins(plain_port, tls_port):
    for way, port in [("HTTP/1.1", plain_port), ("HTTP/1.1 with TLS", tls_port)]:
        scheme = "http" if way == "HTTP/1.1" else "https"
        with websocket(port, way, "/chat", origin=f"{scheme}://{HOST}:{port}"):
            pass
        for origin in [f"{scheme}://{HOST}.example:{port}", f"{scheme}://{HOST}", "null"]:
            try:
                with websocket(port, way, "/chat", origin=origin):
                    raise AssertionError(f"{origin} may connect")
            except InvalidStatus as error:
                assert error.response.status_code == 403, error
    print("    origins: its own may connect, with and without TLS, and no other")


def handshake(port, path, **options):
    """The status of the response, and the body of a refusal."""
    try:
        with websocket(port, "HTTP/1.1", path, origin=f"http://{HOST}:{port}", **options):
            return 101, ""
    except InvalidStatus as error:
        return error.response.status_code, (error.response.body or b"").decode()


def status(port, want, words):
    got, body = handshake(port, "/chat")
    assert got == want and words in body, (got, body)
    print(f"    {got}: {body.strip()}")


def cookie(port, *cases):
    for length, want in zip(cases[::2], cases[1::2]):
        got, body = handshake(port, "/", additional_headers={"Cookie": "a=" + "x" * length})
        assert got == want, (length, got, body)
        print(f"    a cookie of {length} bytes: {got}")


def idle(port):
    with websocket(port, "HTTP/1.1") as ws:
        try:
            ws.recv(timeout=60)
        except ConnectionClosedError as error:
            assert error.rcvd is None, error
            print("    after its time-out the proxy ends TCP, without a Close frame")


commands = {"talk": talk, "origins": origins, "status": status, "cookie": cookie, "idle": idle}
commands[sys.argv[1]](*(int(it) if it.isdigit() else it for it in sys.argv[2:]))
