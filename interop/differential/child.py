"""wsproto and websockets, asked over pipes.

A batch in: its length (4 bytes), then cases: phase, role, context takeover and window bits (1 byte each), the number of reads (4),
for each its length (4) and its bytes. A batch out: its length (4), then for each case one outcome of wsproto and one of websockets: items of a tag
(1), a length (4) and bytes, the last of them tagged with how it ended. All numbers are big-endian.
"""

import logging
import struct
import sys

import wsproto
import wsproto.events
import wsproto.extensions
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Opcode
from websockets.protocol import CLIENT, OPEN, SERVER, Protocol
from websockets.server import ServerProtocol
from websockets.uri import parse_uri
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.utilities import RemoteProtocolError, generate_accept_token

HEAD, FRAMES, COMPRESSED = b"HFD"
AS_SERVER, AS_CLIENT = b"SC"
HOST, PATH, SUBPROTOCOL, MESSAGE_BYTES_MAX = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
ACCEPT = sys.argv[5].encode()

OPENS, CLOSED, FAILED, ACCEPTED, REFUSED, DIED = b"o", b"c", b"f", b"a", b"r", b"d"

logging.disable(logging.CRITICAL)


class Outcome:
    def __init__(self):
        self.out = bytearray()

    def item(self, tag, data=b""):
        self.out += tag + struct.pack("!I", len(data)) + data

    def text(self, text):
        self.item(b"t", text)

    def binary(self, data):
        self.item(b"b", data)

    def sent(self, data):
        """What was written, as it is."""
        self.item(b"w", data)

    def end(self, tag, data=b""):
        self.item(tag, data)
        return self.out


def reads_with_accept(reads, request):
    """The reads, with the answer to the key of this request in place of the mark."""
    key = request.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
    wire = b"".join(reads)
    at = wire.find(ACCEPT)
    if at < 0:
        return reads
    wire = wire.replace(ACCEPT, generate_accept_token(key))
    cut, out = 0, []
    for read in reads:
        out.append(wire[cut:cut + len(read)])
        cut += len(read)
    return out


class Wsproto:
    @staticmethod
    def frames(role, deflate, reads):
        outcome = Outcome()
        kind = ConnectionType.SERVER if role == AS_SERVER else ConnectionType.CLIENT
        extensions = []
        if deflate is not None:
            takeover, window_bits = deflate
            agreed = f"permessage-deflate; server_max_window_bits={window_bits}; client_max_window_bits={window_bits}"
            if not takeover:
                agreed += "; server_no_context_takeover; client_no_context_takeover"
            extensions.append(wsproto.extensions.PerMessageDeflate())
            extensions[0].finalize(agreed)
        ws = Connection(kind, extensions)
        message = []
        for read in reads:
            ws.receive_data(read)
            for event in ws.events():
                if isinstance(event, wsproto.events.TextMessage):
                    message.append(event.data.encode())
                    if event.message_finished:
                        outcome.text(b"".join(message))
                        message = []
                elif isinstance(event, wsproto.events.BytesMessage):
                    message.append(bytes(event.data))
                    if event.message_finished:
                        outcome.binary(b"".join(message))
                        message = []
                elif isinstance(event, wsproto.events.Ping):
                    outcome.sent(ws.send(event.response()))
                elif isinstance(event, wsproto.events.CloseConnection):
                    if ws.state is not ConnectionState.REMOTE_CLOSING:
                        outcome.sent(ws.send(event))
                        return outcome.end(FAILED, struct.pack("!H", event.code))
                    outcome.sent(ws.send(event.response()))
                    body = b"" if event.code == 1005 else struct.pack("!H", event.code) + event.reason.encode()
                    return outcome.end(CLOSED, body)
        return outcome.end(OPENS)

    @staticmethod
    def server_head(outcome, reads):
        ws = wsproto.WSConnection(ConnectionType.SERVER)
        try:
            for read in reads:
                ws.receive_data(read)
                for event in ws.events():
                    if isinstance(event, wsproto.events.Request):
                        chosen = SUBPROTOCOL if event.subprotocols[:1] == [SUBPROTOCOL] else None
                        outcome.sent(ws.send(wsproto.events.AcceptConnection(subprotocol=chosen)))
                        return ACCEPTED
                    return REFUSED
        except (RemoteProtocolError, UnicodeError):
            return REFUSED
        return OPENS

    @staticmethod
    def client_head(_outcome, reads):
        ws = wsproto.WSConnection(ConnectionType.CLIENT)
        request = ws.send(wsproto.events.Request(host=HOST, target=PATH, subprotocols=[SUBPROTOCOL]))
        try:
            for read in reads_with_accept(reads, request):
                ws.receive_data(read)
                for event in ws.events():
                    return ACCEPTED if isinstance(event, wsproto.events.AcceptConnection) else REFUSED
        except (RemoteProtocolError, UnicodeError):
            return REFUSED
        return OPENS


class Websockets:
    @staticmethod
    def frames(role, deflate, reads):
        outcome = Outcome()
        side = SERVER if role == AS_SERVER else CLIENT
        ws = Protocol(side, state=OPEN, max_size=MESSAGE_BYTES_MAX)
        if deflate is not None:
            takeover, window_bits = deflate
            ws.extensions = [PerMessageDeflate(not takeover, not takeover, window_bits, window_bits)]
        is_text, message = False, []
        for read in reads:
            ws.receive_data(read)
            for frame in ws.events_received():
                opcode = frame.opcode
                if opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                    if opcode != Opcode.CONT:
                        is_text = opcode == Opcode.TEXT
                    message.append(bytes(frame.data))
                    if not frame.fin:
                        continue
                    data, message = b"".join(message), []
                    # Text is for its user to decode.
                    outcome.text(data) if is_text else outcome.binary(data)
                elif opcode == Opcode.CLOSE:
                    outcome.sent(b"".join(ws.data_to_send()))
                    return outcome.end(CLOSED, bytes(frame.data))
            if ws.parser_exc is not None:
                outcome.sent(b"".join(ws.data_to_send()))
                code = ws.close_sent.code if ws.close_sent is not None else 1006
                return outcome.end(FAILED, struct.pack("!H", code))
        outcome.sent(b"".join(ws.data_to_send()))
        return outcome.end(OPENS)

    @staticmethod
    def server_head(outcome, reads):
        ws = ServerProtocol(
            extensions=None,
            select_subprotocol=lambda _, offered: SUBPROTOCOL if offered[:1] == [SUBPROTOCOL] else None,
            max_size=MESSAGE_BYTES_MAX,
        )
        for read in reads:
            ws.receive_data(read)
            if ws.handshake_exc is not None:
                return REFUSED
            for request in ws.events_received():
                response = ws.accept(request)
                ws.send_response(response)
                outcome.sent(b"".join(ws.data_to_send()))
                return ACCEPTED if response.status_code == 101 else REFUSED
        return OPENS

    @staticmethod
    def client_head(_outcome, reads):
        ws = ClientProtocol(parse_uri(f"ws://{HOST}{PATH}"), subprotocols=[SUBPROTOCOL], max_size=MESSAGE_BYTES_MAX)
        ws.send_request(ws.connect())
        for read in reads_with_accept(reads, b"".join(ws.data_to_send())):
            ws.receive_data(read)
            if ws.handshake_exc is not None:
                return REFUSED
            if ws.state is OPEN:
                return ACCEPTED
        return OPENS


def ask(library, phase, role, deflate, reads):
    try:
        if phase == FRAMES:
            return library.frames(role, None, reads)
        if phase == COMPRESSED:
            return library.frames(role, deflate, reads)
        outcome = Outcome()
        return outcome.end((library.server_head if role == AS_SERVER else library.client_head)(outcome, reads))
    except Exception as error:
        return Outcome().end(DIED, repr(error).encode())


def main():
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while length := source.read(4):
        batch = source.read(struct.unpack("!I", length)[0])
        out, at = bytearray(), 0
        while at < len(batch):
            phase, role, takeover, window_bits, count = struct.unpack_from("!BBBBI", batch, at)
            at += 8
            reads = []
            for _ in range(count):
                (size,) = struct.unpack_from("!I", batch, at)
                reads.append(batch[at + 4:at + 4 + size])
                at += 4 + size
            for library in (Wsproto, Websockets):
                out += ask(library, phase, role, (bool(takeover), window_bits), reads)
        sink.write(struct.pack("!I", len(out)) + out)
        sink.flush()


main()
