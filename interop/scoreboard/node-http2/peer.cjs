// Node's HTTP/2, with the frames of ws over its streams. Node leaves the request to its user, so
// this program reads it.
const http2 = require('http2');
const WebSocket = require('ws');

const server = http2.createServer({ settings: { enableConnectProtocol: true } });
server.on('stream', (stream, request) => {
  stream.on('error', () => {});
  if (request[':method'] !== 'CONNECT' || request[':protocol'] !== 'websocket') {
    stream.respond({ ':status': 501 }, { endStream: true });
  } else if (request['sec-websocket-version'] !== '13') {
    stream.respond({ ':status': 400, 'sec-websocket-version': '13' }, { endStream: true });
  } else {
    stream.respond({ ':status': 200 });
    const ws = new WebSocket(null, undefined, {});
    ws.setSocket(stream, Buffer.alloc(0), { maxPayload: 2 ** 25 });
    ws.on('error', () => {});
    ws.on('message', (data, binary) => ws.send(data, { binary }));
  }
});
server.listen(Number(process.argv[2]), '127.0.0.1');
