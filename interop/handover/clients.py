"""The clients of run.sh: `clients.py PROGRAM`."""

import asyncio
import os
import re
import signal
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedOK

CLIENTS = 100
HANDOVERS = 3
# How many echoes each client gets in each process, and how often it sends.
ECHOES = 5
PERIOD = 0.05


def message(number, count):
    """Text and bytes, short and long, no two alike."""
    long = 3_000 if count % 4 == 3 else 3
    text = f"client {number}, message {count}: Grüße 😀 " * long
    return text if count % 2 else text.encode()


async def talk(uri, number, rounds):
    """Sends and compares, for as many rounds as there are processes."""
    compression = "deflate" if number % 2 else None
    async with connect(uri, compression=compression, max_size=None, proxy=None) as ws:
        assert bool(ws.protocol.extensions) == (number % 2 == 1)
        # Two messages are on their way at any time.
        count = 0
        await ws.send(message(number, count))
        for begin, enough in rounds:
            await begin.wait()
            echoes = 0
            while echoes < ECHOES or not enough.is_set():
                await ws.send(message(number, count + 1))
                echo = await ws.recv()
                assert echo == message(number, count), f"client {number}, message {count}"
                count += 1
                echoes += 1
                if echoes == ECHOES:
                    enough.done()
                await asyncio.sleep(PERIOD)
        assert await ws.recv() == message(number, count)
    assert ws.close_code == 1000, ws.close_code
    return count + 1


class Enough(asyncio.Event):
    """Set when all clients have had enough, and a new process serves."""

    def __init__(self):
        super().__init__()
        self.missing = CLIENTS
        self.all_had = asyncio.Event()

    def done(self):
        self.missing -= 1
        if self.missing == 0:
            self.all_had.set()


async def line_with(server, text):
    while line := (await server.stderr.readline()).decode():
        if text in line:
            return line
    raise AssertionError(f"no line with {text!r}")


async def main(program):
    server = await asyncio.create_subprocess_exec(
        program, "127.0.0.1:0", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    process = server.pid
    try:
        uri = (await server.stdout.readline()).decode().split()[-1] + "/echo"
        begins = [asyncio.Event() for _ in range(HANDOVERS + 1)]
        enoughs = [Enough() for _ in range(HANDOVERS + 1)]
        rounds = list(zip(begins, enoughs))
        clients = asyncio.gather(*(talk(uri, number, rounds) for number in range(CLIENTS)))
        for index, (begin, enough) in enumerate(rounds):
            begin.set()
            waits = asyncio.ensure_future(enough.all_had.wait())
            await asyncio.wait([waits, clients], return_when=asyncio.FIRST_COMPLETED)
            if clients.done():
                clients.result()  # whatever went wrong
            if index < HANDOVERS:
                os.kill(process, signal.SIGHUP)
                line = await line_with(server, "has taken over")
                process = int(re.match(r"process (\d+) ", line)[1])
            enough.set()
        echoes = sum(await clients)
        # An orderly end: a client that is there is told 1001.
        async with connect(uri, proxy=None) as ws:
            os.kill(process, signal.SIGTERM)
            try:
                raise AssertionError(await ws.recv())
            except ConnectionClosedOK:
                assert ws.close_code == 1001, ws.close_code
        await server.communicate()  # to the end of the last process
        print(f"{CLIENTS} clients, {HANDOVERS} handovers, {echoes} echoes: none is missing")
    except BaseException:
        os.kill(process, signal.SIGKILL)
        raise


asyncio.run(main(sys.argv[1]))
