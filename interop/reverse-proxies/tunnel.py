"""WebSocket over HTTP/2 (RFC 8441) for a client that knows HTTP/1.1 only: `connect` returns a socket.

What the client writes to it as a handshake becomes an extended CONNECT. The 200 becomes a 101. Then bytes are passed on in
DATA frames, both ways, until one side ends.
"""

import base64
import hashlib
import select
import socket
import threading

import h2.config
import h2.connection
import h2.events
from h2.settings import SettingCodes

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3
# HTTP/2 has no such fields (RFC 9113 §8.2.2), and RFC 8441 §5 no key.
LEFT_OUT = ["host", "upgrade", "connection", "sec-websocket-key"]


class Unsupported(Exception):
    """The server has not said that it takes extended CONNECT (RFC 8441 §3)."""


def connect(tls, authority):
    """Opens HTTP/2 over `tls`, whose ALPN has agreed on it, and returns the end for the client."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
    connection.initiate_connection()
    tls.sendall(connection.data_to_send())
    settings = None
    while settings is None:
        for event in connection.receive_data(tls.recv(65536)):
            if isinstance(event, h2.events.RemoteSettingsChanged):
                settings = connection.remote_settings
        tls.sendall(connection.data_to_send())
    if settings.get(SettingCodes.ENABLE_CONNECT_PROTOCOL, 0) != 1:
        raise Unsupported
    ours, clients = socket.socketpair()
    threading.Thread(target=run, args=(connection, tls, ours, authority), daemon=True).start()
    return clients


def run(connection, tls, client, authority):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += client.recv(1)
    lines = head.decode().split("\r\n")
    fields = [line.split(": ", 1) for line in lines[1:-2]]
    key = next(value for name, value in fields if name.lower() == "sec-websocket-key")
    stream = connection.get_next_available_stream_id()
    pseudo = {
        ":method": "CONNECT",
        ":protocol": "websocket",
        ":scheme": "https",
        ":authority": authority,
        ":path": lines[0].split(" ")[1],
    }
    others = [(name.lower(), value) for name, value in fields if name.lower() not in LEFT_OUT]
    connection.send_headers(stream, list(pseudo.items()) + others)
    outgoing, ended = bytearray(), False
    try:
        while True:
            while outgoing and (window := room(connection, stream)):
                connection.send_data(stream, bytes(outgoing[:window]))
                del outgoing[:window]
            if ended and not outgoing:
                connection.end_stream(stream)
                ended = None
            tls.sendall(connection.data_to_send())
            waiting = [tls] if outgoing or ended is None else [tls, client]
            readable = [tls] if tls.pending() else select.select(waiting, [], [])[0]
            if client in readable:
                data = client.recv(65536)
                outgoing += data
                ended = not data
            if tls in readable:
                data = tls.recv(65536)
                if not data:
                    return
                for event in connection.receive_data(data):
                    if isinstance(event, h2.events.ResponseReceived):
                        client.sendall(response(event.headers, key))
                    elif isinstance(event, h2.events.DataReceived):
                        client.sendall(event.data)
                        connection.acknowledge_received_data(event.flow_controlled_length, stream)
                    elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
                        client.shutdown(socket.SHUT_WR)
                        if ended is None or isinstance(event, h2.events.StreamReset):
                            return
    except OSError:
        pass  # one of the two is gone, and the other learns of it
    finally:
        client.close()
        tls.close()


def room(connection, stream):
    return min(connection.local_flow_control_window(stream), connection.max_outbound_frame_size)


def response(fields, key):
    """As HTTP/1.1 (RFC 8441 §5: a 200 takes the place of the 101)."""
    fields = dict(fields)
    status = fields.pop(":status")
    if status != "200":
        return f"HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n".encode()
    accept = base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()
    lines = ["HTTP/1.1 101 x", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept}"]
    kept = ["sec-websocket-protocol", "sec-websocket-extensions"]
    lines += [f"{name}: {value}" for name, value in fields.items() if name in kept]
    return "\r\n".join(lines + ["", ""]).encode()
