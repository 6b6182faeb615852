"""wsproto (PyPI) under `hybi-conform exec -- python3 wsproto_peer.py`."""
import struct, sys
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.extensions import PerMessageDeflate

def say(kind, payload=b""):
    sys.stdout.buffer.write(kind + struct.pack(">I", len(payload)) + payload)

def begin(role, value):
    """Returns a connection and the extension that is agreed on."""
    extension = PerMessageDeflate()
    if role == "server" and value:
        # wsproto reads one offer. The first is the one that is wanted most.
        agreed = extension.accept(value.split(",")[0])
        value = "permessage-deflate" + ("; " + agreed if agreed else "")
    elif value:
        extension.finalize(value)
    return Connection(ConnectionType[role.upper()], [extension] if value else []), value

def receive(ws, data, message):
    """Answers what comes. Returns whether the connection is over."""
    ws.receive_data(data)
    for event in ws.events():
        if isinstance(event, (TextMessage, BytesMessage)):
            message.append(event.data)
            if event.message_finished:
                whole = message[0][:0].join(message)
                message.clear()
                say(b"D", ws.send(type(event)(data=whole)))
        elif isinstance(event, (Ping, CloseConnection)):
            say(b"D", ws.send(event.response()))
            if isinstance(event, CloseConnection):
                return True  # The peer's, or wsproto has found a violation.
    return False

while head := sys.stdin.buffer.read(5):
    kind, (length,) = head[:1], struct.unpack(">I", head[1:])
    payload = sys.stdin.buffer.read(length)
    if kind == b"O":
        (ws, agreed), message, over = begin(*payload.decode().split("\n")), [], False
        say(b"A", agreed.encode())
    elif not over:
        over = kind == b"E" or receive(ws, payload, message)
        if over:
            say(b"C")
    say(b"R")
    sys.stdout.buffer.flush()
