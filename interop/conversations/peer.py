"""The side of Python's websockets in the conversations that run.sh starts: `server [CERT KEY]` or
`client [CERT]`, as in src/main.rs."""

import random
import ssl
import sys
import threading

from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory
from websockets.sync.client import connect
from websockets.sync.server import serve

MODES = ["plain", "bare", "fallback"] + [f"{bits}{takeover}" for bits in range(9, 16) for takeover in "+-"]


def parameters(mode, role):
    if mode == "bare":
        # A client that cannot be limited, and a server that would like to.
        limit = {"client_max_window_bits": None if role == "client" else 10}
        return limit if role == "client" else {"server_max_window_bits": 10, **limit}
    if mode == "fallback":
        return {}
    bits, fresh = int(mode[:-1]), mode[-1] == "-"
    return {
        "server_no_context_takeover": fresh,
        "client_no_context_takeover": fresh,
        "server_max_window_bits": bits,
        "client_max_window_bits": bits,
    }


def extensions(mode, role):
    factory = {"client": ClientPerMessageDeflateFactory, "server": ServerPerMessageDeflateFactory}[role]
    return None if mode == "plain" else [factory(**parameters(mode, role))]


def check(ws, mode, role):
    """What was negotiated is what the mode says."""
    agreed = ws.protocol.extensions
    if mode == "plain":
        assert agreed == [], agreed
        return
    [deflate] = agreed
    got = (
        deflate.remote_no_context_takeover,
        deflate.local_no_context_takeover,
        deflate.remote_max_window_bits,
        deflate.local_max_window_bits,
    )
    if mode == "bare":
        want = (False, False) + ((10, 15) if role == "client" else (15, 10))
    elif mode == "fallback":
        want = (False, True, 15, 10)  # we ask it of the peer, which grants it
    else:
        bits, fresh = int(mode[:-1]), mode[-1] == "-"
        want = (fresh, fresh, bits, bits)
    assert got == want, (mode, got)


def parts(message, size):
    return [message[i : i + size] for i in range(0, len(message), size)]


def run_servers(files):
    context = None
    if files:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
    for mode in MODES:

        def echo(ws, mode=mode):
            check(ws, mode, "server")
            for message in ws:
                # Whole, or in fragments.
                ws.send(parts(message, 10_007) if len(message) % 2 and len(message) > 10_007 else message)

        server = serve(
            echo,
            "127.0.0.1",
            0,
            compression=None,
            extensions=extensions(mode, "server"),
            max_size=None,
            ssl=context,
        )
        threading.Thread(target=server.serve_forever).start()
        print(mode, server.socket.getsockname()[1])
    print(flush=True)


def run_client(mode, port, files):
    context = ssl.create_default_context(cafile=files[0]) if files else None
    text = '{"id":17,"name":"Grüße 😀"},' * (1 << 15)
    noise = random.Random(1).randbytes(1 << 20)
    with connect(
        f"{'wss' if files else 'ws'}://127.0.0.1:{port}/",
        ssl=context,
        compression=None,
        extensions=extensions(mode, "client"),
        max_size=None,
        proxy=None,
    ) as ws:
        check(ws, mode, "client")
        for size in [0, 1, 5, 125, 126, 127, 1000, 32_768, 65_535, 65_536, 65_537, 200_000, 1 << 20]:
            for message in [text[:size], noise[:size]]:
                ws.send(message)
                assert ws.recv() == message, (mode, size)
                if message:
                    ws.send(parts(message, size // 3 + 1))
                    assert ws.recv() == message, (mode, size)
        for i in range(500):
            message = f'{{"number":{i},"text":"message {i * 7919 % 1000}"}}'
            ws.send(message)
            assert ws.recv() == message, (mode, i)
        assert ws.ping().wait(60), mode
    assert ws.close_code == 1000, (mode, ws.close_code)


role, *files = sys.argv[1:]
if role == "server":
    run_servers(files)
else:
    lines = [line.split() for line in sys.stdin]
    for mode, port in lines:
        run_client(mode, port, files)
    print(len(lines), "modes")
