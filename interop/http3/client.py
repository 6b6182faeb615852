"""A client over HTTP/3, on aioquic and wsproto, for the server of this folder: client.py PORT CERTIFICATE

All of it is on one QUIC connection. It prints what came of each step, or fails."""

import random
import socket
import sys
import time

from aioquic.h3.connection import H3_ALPN, ErrorCode, H3Connection, Setting
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import ConnectionTerminated, StreamReset
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.extensions import PerMessageDeflate

HOST, PORT, CERTIFICATE = "localhost", int(sys.argv[1]), sys.argv[2]
ORIGIN = f"https://{HOST}:{PORT}"
NOISE = random.Random(1).randbytes(1 << 20)


class Link:
    """A QUIC connection, driven without waiting for anything but datagrams."""

    def __init__(self):
        configuration = QuicConfiguration(alpn_protocols=H3_ALPN, server_name=HOST, idle_timeout=20)
        configuration.load_verify_locations(CERTIFICATE)
        self.quic = QuicConnection(configuration=configuration)
        self.socket = socket.socket(type=socket.SOCK_DGRAM)
        self.quic.connect(("127.0.0.1", PORT), now=time.monotonic())
        self.h3 = H3Connection(self.quic)
        self.streams = {}

    def until(self, condition):
        while not condition():
            self.flush()
            wait = self.quic.get_timer() - time.monotonic()
            self.socket.settimeout(max(wait, 0.001))
            try:
                data, address = self.socket.recvfrom(65_536)
                self.quic.receive_datagram(data, address, now=time.monotonic())
            except TimeoutError:
                self.quic.handle_timer(now=time.monotonic())
            while event := self.quic.next_event():
                assert not isinstance(event, ConnectionTerminated), event
                assert not isinstance(event, StreamReset), event
                for it in self.h3.handle_event(event):
                    self.streams[it.stream_id].handle(it)
        self.flush()

    def flush(self):
        for data, address in self.quic.datagrams_to_send(now=time.monotonic()):
            self.socket.sendto(data, address)


class WebSocket:
    """A WebSocket on a stream of its own. `fields` go into the request, in place of the usual ones."""

    def __init__(self, link, path, deflate=False, **fields):
        self.link, self.id = link, link.quic.get_next_available_stream_id()
        link.streams[self.id] = self
        self.status, self.fields, self.body, self.is_ended, self.events = None, {}, b"", False, []
        self.ws = None
        deflate = PerMessageDeflate() if deflate else None
        usual = {
            ":method": "CONNECT",
            ":protocol": "websocket",
            ":scheme": "https",
            ":authority": f"{HOST}:{PORT}",
            ":path": path,
            "origin": ORIGIN,
            "sec-websocket-version": "13",
        }
        if deflate:
            usual["sec-websocket-extensions"] = f"{deflate.name}; {deflate.offer()}"
        usual.update((name.replace("_", "-"), value) for name, value in fields.items())
        head = [(name.encode(), value.encode()) for name, value in usual.items()]
        link.h3.send_headers(self.id, head)
        link.until(lambda: self.status is not None)
        if self.status == 200:
            if deflate and (agreed := self.fields.get("sec-websocket-extensions")):
                deflate.finalize(agreed)
            self.ws = Connection(ConnectionType.CLIENT, [deflate] if deflate else [])

    def handle(self, event):
        if isinstance(event, HeadersReceived):
            self.fields = {name.decode(): value.decode() for name, value in event.headers}
            self.status = int(self.fields[":status"])
        elif not self.ws:
            self.body += event.data
        elif event.data:
            self.ws.receive_data(event.data)
            self.events += self.ws.events()
        self.is_ended |= event.stream_ended

    def send(self, event, end=False):
        self.link.h3.send_data(self.id, self.ws.send(event), end)

    def receive(self):
        """The next event; the parts of a message put together."""
        self.link.until(lambda: self.events and getattr(self.events[-1], "message_finished", True))
        events, self.events = self.events, []
        if isinstance(events[0], (TextMessage, BytesMessage)):
            assert all(type(it) is type(events[0]) for it in events), events
            return events[0].data[:0].join(it.data for it in events)
        [event] = events
        return event

    def echo(self, *messages):
        for message in messages:
            self.send(TextMessage(message) if isinstance(message, str) else BytesMessage(message))
            got = self.receive()
            assert got == message, (message[:40], got[:40])

    def close(self, code, reason):
        """Sends a Close frame, gets it back, and both ends of the stream end."""
        self.send(CloseConnection(code, reason))
        event = self.receive()
        assert isinstance(event, CloseConnection), event
        assert (event.code, event.reason) == (code, reason), event
        self.link.until(lambda: self.is_ended)
        self.link.h3.send_data(self.id, b"", end_stream=True)
        self.link.flush()


link = Link()
link.until(lambda: link.h3.received_settings is not None)
assert link.h3.received_settings[Setting.ENABLE_CONNECT_PROTOCOL] == 1
print("  SETTINGS_ENABLE_CONNECT_PROTOCOL is 1")

plain = WebSocket(link, "/plain", sec_websocket_protocol="superchat, echo")
assert plain.fields == {":status": "200", "sec-websocket-protocol": "echo"}, plain.fields
plain.echo("", "Hello", "Grüße 😀" * 10_000, b"", NOISE, "x" * 65_536)
plain.send(Ping(b"?"))
assert plain.receive() == Pong(b"?")
print("  text, binary, a ping, and a subprotocol")

deflate = WebSocket(link, "/deflate", deflate=True)
assert "permessage-deflate" in deflate.fields["sec-websocket-extensions"], deflate.fields
deflate.echo("Hello", "Hello", "x" * 1_000_000, NOISE, b"")
print(f"  {deflate.fields['sec-websocket-extensions']}")

many = [WebSocket(link, f"/many/{i}") for i in range(5)]
for i, ws in enumerate(many):
    ws.send(TextMessage(f"to {i}"))
for i, ws in reversed(list(enumerate(many))):
    assert ws.receive() == f"to {i}"
print("  seven WebSockets on one connection")

for status, words, fields in [
    (403, "Origin", {"origin": "https://elsewhere.example"}),
    (403, "Origin", {"origin": "null"}),
    (403, "Origin", {"origin": f"http://{HOST}:{PORT}"}),
    (400, "Version", {"sec-websocket-version": "8"}),
    (501, "protocol", {":protocol": "connect-udp"}),
]:
    refused = WebSocket(link, "/refused", **fields)
    link.until(lambda: refused.is_ended)
    assert refused.status == status and words in refused.body.decode(), (refused.fields, refused.body)
    link.h3.send_data(refused.id, b"", end_stream=True)
    print(f"  {fields}: {status}")

# RFC 9220 §3: what a reset is in TCP.
link.quic.reset_stream(many[0].id, ErrorCode.H3_REQUEST_CANCELLED)
# The end of the stream without a Close frame: nothing but the end comes back.
link.h3.send_data(many[1].id, b"", end_stream=True)
link.until(lambda: many[1].is_ended)
assert many[1].events == []
# A frame that is not masked: the server's Close frame says what is wrong.
link.h3.send_data(many[2].id, b"\x81\x02Hi", end_stream=False)
event = many[2].receive()
assert isinstance(event, CloseConnection) and event.code == 1002, event
link.until(lambda: many[2].is_ended)
print("  a reset, an end without a Close frame, and a frame that is not masked")

for ws, code, reason in [(many[3], 1000, ""), (many[4], 4999, "enough"), (plain, 1000, "done"), (deflate, 3001, "Grüße")]:
    ws.close(code, reason)
print("  Close frames, then the end of the stream")
link.quic.close()
link.flush()
