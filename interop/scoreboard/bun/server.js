Bun.serve({
  hostname: '127.0.0.1',
  port: Number(process.argv[2]),
  fetch(request, server) {
    return server.upgrade(request) ? undefined : new Response('WebSocket only', { status: 400 });
  },
  websocket: {
    perMessageDeflate: true,
    maxPayloadLength: 2 ** 25,
    backpressureLimit: 2 ** 26,
    message(ws, message) {
      ws.send(message);
    },
  },
});
