// A user of the chat behind the proxy at ADDRESS: node user.mjs ADDRESS
// It prints what it is told, and says the lines of its input. It needs the package ws, in the
// folder NODE_MODULES.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const WebSocket = createRequire(`${process.env.NODE_MODULES}/`)("ws");
const ws = new WebSocket(`ws://${process.argv[2]}/chat`, { headers: { Host: "chat.example" } });
ws.on("message", (message) => console.log(message.toString()));
ws.on("error", () => {}); // its server has died; a close event follows
ws.on("close", () => process.exit());
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => ws.send(JSON.stringify({ line })));
