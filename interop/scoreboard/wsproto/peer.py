import socket
import sys
import threading

from wsproto import ConnectionType, WSConnection, events
from wsproto.connection import ConnectionState
from wsproto.extensions import PerMessageDeflate
from wsproto.utilities import ProtocolError


def converse(sock, ws, echoes=True):
    """Returns the last message."""
    last = None
    try:
        while True:
            data = sock.recv(65536)
            ws.receive_data(data or None)
            for event in ws.events():
                if isinstance(event, events.Request):
                    accept = events.AcceptConnection(extensions=[PerMessageDeflate()])
                    sock.sendall(ws.send(accept))
                elif isinstance(event, events.Message):
                    last = event.data
                    if echoes:
                        part = events.Message(event.data, message_finished=event.message_finished)
                        sock.sendall(ws.send(part))
                elif isinstance(event, (events.Ping, events.CloseConnection)):
                    if ws.state is not ConnectionState.CLOSED:
                        sock.sendall(ws.send(event.response()))
            if not data or ws.state is ConnectionState.CLOSED:
                break
    except (ProtocolError, OSError, ValueError, LookupError) as error:
        hint = getattr(error, "event_hint", None)
        if hint is not None and not ws.client:
            sock.sendall(ws.send(hint))
    sock.close()
    return last


def connect(url, target, echoes=False):
    host = url.removeprefix("ws://")
    name, port = host.split(":")
    sock, ws = socket.create_connection((name, int(port))), WSConnection(ConnectionType.CLIENT)
    offer = [PerMessageDeflate()] if echoes else []
    sock.sendall(ws.send(events.Request(host=host, target=target, extensions=offer)))
    return converse(sock, ws, echoes)


role, at = sys.argv[1:]
if role == "server":
    listener = socket.create_server(("127.0.0.1", int(at)))
    while True:
        arguments = listener.accept()[0], WSConnection(ConnectionType.SERVER)
        threading.Thread(target=converse, args=arguments, daemon=True).start()
for case in range(1, int(connect(at, "/getCaseCount")) + 1):
    connect(at, f"/runCase?case={case}&agent=wsproto", echoes=True)
connect(at, "/updateReports?agent=wsproto")
