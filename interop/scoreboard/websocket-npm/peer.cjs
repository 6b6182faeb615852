const http = require('http');
const WebSocket = require('websocket');
const [role, at] = process.argv.slice(2);
const sizes = {
  maxReceivedFrameSize: 2 ** 25,
  maxReceivedMessageSize: 2 ** 25,
  fragmentOutgoingMessages: false,
};

function echo(connection) {
  connection.on('message', (message) => {
    if (message.type === 'utf8') connection.sendUTF(message.utf8Data);
    else connection.sendBytes(message.binaryData);
  });
  connection.on('error', () => {});
}

function connect(path, use) {
  return new Promise((resolve) => {
    const client = new WebSocket.client(sizes);
    client.on('connectFailed', resolve);
    client.on('connect', (connection) => {
      use(connection);
      connection.on('close', resolve);
    });
    client.connect(at + path);
  });
}

async function client() {
  let count = 0;
  const read = (message) => (count = Number(message.utf8Data));
  await connect('/getCaseCount', (connection) => connection.on('message', read));
  for (let n = 1; n <= count; n++) await connect(`/runCase?case=${n}&agent=websocket`, echo);
  await connect('/updateReports?agent=websocket', () => {});
}

if (role === 'server') {
  const httpServer = http.createServer().listen(Number(at), '127.0.0.1');
  const server = new WebSocket.server({ httpServer, ...sizes });
  server.on('request', (request) => echo(request.accept(null, request.origin)));
} else {
  client();
}
