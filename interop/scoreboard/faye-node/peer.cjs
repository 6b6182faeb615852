const http = require('http');
const WebSocket = require('faye-websocket');
const deflate = require('permessage-deflate');
const [role, at] = process.argv.slice(2);
const options = { extensions: [deflate], maxLength: 2 ** 25 };

function connect(path, use) {
  return new Promise((resolve) => {
    const ws = new WebSocket.Client(at + path, [], options);
    ws.on('message', (event) => use(event.data, ws));
    ws.on('error', () => {});
    ws.on('close', resolve);
  });
}

async function client() {
  let count = 0;
  await connect('/getCaseCount', (data) => (count = Number(data)));
  for (let n = 1; n <= count; n++) {
    await connect(`/runCase?case=${n}&agent=faye`, (data, ws) => ws.send(data));
  }
  await connect('/updateReports?agent=faye', () => {});
}

if (role === 'server') {
  const server = http.createServer();
  server.on('upgrade', (request, socket, head) => {
    if (!WebSocket.isWebSocket(request)) return socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    const ws = new WebSocket(request, socket, head, [], options);
    ws.on('message', (event) => ws.send(event.data));
  });
  server.listen(Number(at), '127.0.0.1');
} else {
  client();
}
