const WebSocket = require('ws');
const [role, at] = process.argv.slice(2);
const maxPayload = 2 ** 25;
const echo = (ws) => ws.on('message', (data, binary) => ws.send(data, { binary }));

function connect(path, use) {
  return new Promise((resolve) => {
    const ws = new WebSocket(at + path, { maxPayload, perMessageDeflate: true });
    ws.on('error', () => {});
    ws.on('close', resolve);
    use(ws);
  });
}

async function client() {
  let count = 0;
  await connect('/getCaseCount', (ws) => ws.on('message', (data) => (count = Number(data))));
  for (let n = 1; n <= count; n++) await connect(`/runCase?case=${n}&agent=ws`, echo);
  await connect('/updateReports?agent=ws', () => {});
}

if (role === 'server') {
  const perMessageDeflate = true;
  const options = { host: '127.0.0.1', port: at, maxPayload, perMessageDeflate };
  const server = new WebSocket.Server(options);
  server.on('connection', (ws) => {
    ws.on('error', () => {});
    echo(ws);
  });
} else {
  client();
}
