// A client for what has the WebSocket API of web browsers: undici, Bun and Deno.
const [agent, url] = process.argv.slice(2);
const WebSocket = agent === 'undici' ? require('undici').WebSocket : globalThis.WebSocket;

function connect(path, use) {
  return new Promise((resolve) => {
    const ws = new WebSocket(url + path);
    ws.binaryType = 'arraybuffer';
    ws.onmessage = (event) => use(event.data, ws);
    ws.onclose = resolve;
    ws.onerror = () => {};
  });
}

(async () => {
  let count = 0;
  await connect('/getCaseCount', (data) => (count = Number(data)));
  for (let n = 1; n <= count; n++) {
    await connect(`/runCase?case=${n}&agent=${agent}`, (data, ws) => ws.send(data));
  }
  await connect(`/updateReports?agent=${agent}`, () => {});
  process.exit(0);
})();
