// Node's ws: an echo on a port that it says, until standard input ends. The second argument is the folder in which ws
// is installed.

import { createRequire } from "node:module";

const { WebSocketServer } = createRequire(process.argv[2] + "/")("ws");

const server = new WebSocketServer({
  host: "127.0.0.1",
  port: 0,
  perMessageDeflate: false,
  maxPayload: 16 << 20,
  backlog: 511,
});
server.on("listening", () => console.log(server.address().port));
server.on("connection", (ws) => {
  ws.on("error", () => ws.terminate());
  ws.on("message", (data, binary) => ws.send(data, { binary }));
});
process.stdin.on("end", () => process.exit(0)).resume();
