"""Chromium with a page that opens two WebSockets at once, which must echo; then, if asked to, one
that the server closes, and one that it refuses. Needs Python's websockets. CHROMIUM is the program,
if it has another name."""

import argparse
import json
import os
import subprocess
import sys
import tempfile

from websockets.sync.client import connect

FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-breakpad",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
    "--host-resolver-rules=MAP localhost 127.0.0.1",
]

# Servers under `interop/http` answer it with the version of HTTP.
QUESTION = "Which HTTP?"

# What a WebSocket sends comes back. Returns what was agreed on, and how it ended.
TALK = """
async (address, code) => {
    const ws = new WebSocket(address, ["superchat", "echo", "v1.echo"]);
    ws.binaryType = "arraybuffer";
    const got = [], waiting = [];
    const next = () => got.length ? Promise.resolve(got.shift()) : new Promise((resolve) => waiting.push(resolve));
    const put = (it) => waiting.length ? waiting.shift()(it) : got.push(it);
    ws.onopen = () => put("open");
    ws.onmessage = ({ data }) => put(data);
    const closed = new Promise((resolve) => ws.onclose = (it) => {
        put("closed");
        resolve([it.code, it.reason, it.wasClean]);
    });
    const opened = await next();
    let http;
    if (opened === "open") {
        ws.send("Which HTTP?");
        http = await next();
        for (const text of ["", "Hello", "Grüße 😀".repeat(20000), "x".repeat(1 << 20)]) {
            ws.send(text);
            if (await next() !== text) throw new Error("not the text that was sent");
        }
        const noise = new Uint8Array(1 << 16);
        crypto.getRandomValues(noise);
        for (const bytes of [noise.slice(0, 0), noise]) {
            ws.send(bytes);
            const echo = new Uint8Array(await next());
            if (echo.length !== bytes.length || echo.some((it, i) => it !== bytes[i])) throw new Error("not the bytes");
        }
        ws.close(code, "enough");
    }
    return { opened, http, protocol: ws.protocol, extensions: ws.extensions, closed: await closed };
}
"""

# Asks the server to close, or fails to open.
LISTEN = """
(address, question) => new Promise((resolve) => {
    const ws = new WebSocket(address);
    ws.onopen = () => ws.send(question);
    ws.onclose = (it) => resolve([it.code, it.reason, it.wasClean]);
})
"""


def start(folder, flags):
    """Starts Chromium. Returns its process and the address of its DevTools."""
    program = os.environ.get("CHROMIUM", "chromium")
    command = [program, f"--user-data-dir={folder}", *FLAGS, *flags, "about:blank"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    said = []
    for line in process.stderr:
        said.append(line)
        if line.startswith("DevTools listening on "):
            return process, line.split()[-1]
    raise RuntimeError("Chromium has not started:\n" + "".join(said))


class DevTools:
    def __init__(self, connection):
        self.connection, self.number = connection, 0

    def call(self, method, session=None, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        self.connection.send(json.dumps(message | ({"sessionId": session} if session else {})))
        while True:
            answer = json.loads(self.connection.recv(60))
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]

    def page(self, url):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        loaded = self.call("Page.navigate", session, url=url)
        assert "errorText" not in loaded, loaded
        return session

    def evaluate(self, session, expression):
        options = {"awaitPromise": True, "returnByValue": True}
        got = self.call("Runtime.evaluate", session, expression=expression, **options)
        assert "exceptionDetails" not in got, got
        return got["result"]["value"]


def key_hash(certificate):
    """What `--ignore-certificate-errors-spki-list` takes."""
    pipe = f"openssl x509 -in '{certificate}' -pubkey -noout | openssl pkey -pubin -outform der"
    pipe += " | openssl dgst -sha256 -binary | base64"
    return subprocess.run(pipe, shell=True, check=True, capture_output=True, text=True).stdout.strip()


def converse(devtools, options):
    session = devtools.page(options.page)
    got = devtools.evaluate(session, "performance.getEntriesByType('navigation')[0].nextHopProtocol")
    assert got == options.by, f"the page came by {got}"
    both = devtools.evaluate(
        session,
        f"Promise.all([3001, 3002].map((code) => ({TALK})({json.dumps(options.address)}, code)))",
    )
    for code, outcome in zip([3001, 3002], both):
        assert outcome["opened"] == "open", outcome
        assert outcome["protocol"] in ["echo", "v1.echo"], outcome
        assert outcome["extensions"].startswith("permessage-deflate"), outcome
        assert outcome["closed"] == [code, "enough", True], outcome
        assert outcome["http"] == options.http, outcome
    version = devtools.call("Browser.getVersion")["product"]
    told = "" if options.http == QUESTION else f", by {options.http}, says hybi's server"
    for address, want, what in [
        (options.closes, [1001, "yes", True], "closed by the server"),
        (options.refuses, [1006, "", False], "refused"),
    ]:
        if address:
            question = json.dumps("Will you close?")
            got = devtools.evaluate(session, f"({LISTEN})({json.dumps(address)}, {question})")
            assert got == want, f"{address}: {got}"
            told += f", one {what}"
    print(f"    {version}: the page by {options.by}, two WebSockets{told}")


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("page", help="the URL of the page")
parser.add_argument("address", help="that of the WebSockets")
parser.add_argument("certificate", help="a file: what the server must have")
parser.add_argument(
    "--by", default="h2", help="the protocol that the page must come by: http/1.1, h2, h3"
)
parser.add_argument(
    "--http", default=QUESTION, help=f"the server's answer to '{QUESTION}', if not an echo"
)
parser.add_argument("--closes", help="the address of a WebSocket that closes when it is asked to")
parser.add_argument("--refuses", help="the address of a WebSocket that the page may not open")
parser.add_argument("flags", nargs="*", help="for Chromium, after --")
options = parser.parse_args()
with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
    key = f"--ignore-certificate-errors-spki-list={key_hash(options.certificate)}"
    process, devtools = start(folder, [key, *options.flags])
    try:
        with connect(devtools, max_size=None, proxy=None) as connection:
            converse(DevTools(connection), options)
    finally:
        process.terminate()
        process.wait()
