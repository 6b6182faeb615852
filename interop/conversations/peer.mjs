// The side of Node's ws in the conversations that run.sh starts. The first argument is the folder
// in which ws is installed. The others are `server [CERT KEY]` or `client [CERT]`, as in
// src/main.rs.

import { createRequire } from "node:module";
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import readline from "node:readline";

const [folder, role, ...files] = process.argv.slice(2);
const { WebSocket, WebSocketServer } = createRequire(folder + "/")("ws");
const [cert, key] = files.map((file) => readFileSync(file));

const MODES = ["plain", "bare", "fallback"];
for (let bits = 9; bits <= 15; bits++) MODES.push(`${bits}+`, `${bits}-`);

function deflate(mode, role) {
  if (mode === "plain") return false;
  if (mode === "bare") {
    // A client that cannot be limited.
    return { threshold: 0, ...(role === "client" ? { clientMaxWindowBits: false } : { serverMaxWindowBits: 10 }) };
  }
  if (mode === "fallback") {
    // A server that declines what it is asked for.
    const declines = { serverMaxWindowBits: false, serverNoContextTakeover: false };
    return { threshold: 0, ...(role === "client" ? {} : declines) };
  }
  const fresh = mode.endsWith("-");
  const bits = parseInt(mode, 10);
  return {
    threshold: 0,
    serverNoContextTakeover: fresh,
    clientNoContextTakeover: fresh,
    serverMaxWindowBits: bits,
    clientMaxWindowBits: bits,
  };
}

// What was negotiated is what the mode says: window and takeover of the server, then of the client.
function wanted(mode, role) {
  if (mode === "bare") return [10, true, 15, true];
  if (mode === "fallback") return role === "client" ? [15, true, 10, false] : [15, true, 15, true];
  const bits = parseInt(mode, 10);
  const takeover = mode.endsWith("+");
  return [bits, takeover, bits, takeover];
}

function check(ws, mode, role) {
  assert.equal(ws.extensions, mode === "plain" ? "" : "permessage-deflate", mode);
  if (mode === "plain") return;
  const { params } = ws._extensions["permessage-deflate"];
  const got = ["server", "client"].flatMap((end) => [
    params[`${end}_max_window_bits`] || 15,
    !params[`${end}_no_context_takeover`],
  ]);
  assert.deepEqual(got, wanted(mode, role), mode);
}

function sendInParts(ws, data, size, options) {
  for (let from = 0; from === 0 || from < data.length; from += size) {
    ws.send(data.subarray(from, from + size), { ...options, fin: from + size >= data.length });
  }
}

async function runServers() {
  for (const mode of MODES) {
    const listener = cert ? https.createServer({ cert, key }) : http.createServer();
    const server = new WebSocketServer({
      server: listener,
      perMessageDeflate: deflate(mode, "server"),
      maxPayload: 64 << 20,
    });
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    server.on("connection", (ws) => {
      check(ws, mode, "server");
      ws.on("error", (error) => console.error(`server, mode ${mode}: ${error}`));
      ws.on("message", (data, binary) => {
        // Whole, or in fragments.
        if (data.length % 2 && data.length > 10_007) sendInParts(ws, data, 10_007, { binary });
        else ws.send(data, { binary });
      });
    });
    console.log(mode, listener.address().port);
  }
  console.log();
}

async function runClient(mode, port) {
  const text = Buffer.from('{"id":17,"name":"Grusse"},'.repeat(1 << 16));
  const noise = Buffer.alloc(1 << 20);
  for (let i = 0, state = 1; i < noise.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    noise[i] = state >>> 24;
  }
  const ws = new WebSocket(`${cert ? "wss" : "ws"}://127.0.0.1:${port}/`, {
    ca: cert,
    perMessageDeflate: deflate(mode, "client"),
    maxPayload: 64 << 20,
  });
  await once(ws, "open");
  check(ws, mode, "client");
  const echoed = async (sent, binary) => {
    const [data, isBinary] = await once(ws, "message");
    assert.ok(isBinary === binary && data.equals(sent), `mode ${mode}, ${sent.length} bytes: not an echo`);
  };
  for (const size of [0, 1, 5, 125, 126, 127, 1000, 32_768, 65_535, 65_536, 65_537, 200_000, 1 << 20]) {
    for (const binary of [false, true]) {
      const data = (binary ? noise : text).subarray(0, size);
      ws.send(data, { binary });
      await echoed(data, binary);
      sendInParts(ws, data, Math.floor(size / 3) + 1, { binary });
      await echoed(data, binary);
    }
  }
  for (let i = 0; i < 500; i++) {
    const message = Buffer.from(`{"number":${i},"text":"message ${(i * 7919) % 1000}"}`);
    ws.send(message, { binary: false });
    await echoed(message, false);
  }
  ws.close(1000, "done");
  const [code, reason] = await once(ws, "close");
  assert.deepEqual([code, String(reason)], [1000, "done"], mode);
}

if (role === "server") {
  await runServers();
} else {
  let count = 0;
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [mode, port] = line.split(" ");
    await runClient(mode, port);
    count += 1;
  }
  console.log(count, "modes");
}
