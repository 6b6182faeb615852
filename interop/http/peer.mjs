// Node's ends of the conversations of run.sh, over HTTP/2: Node's http2, and the frames of ws.
//
//     peer.mjs client FOLDER PORT CERTIFICATE   the certificate is what the server must have
//     peer.mjs server FOLDER                    without TLS; prints its port
//
// FOLDER is where ws is installed.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import { createRequire } from 'node:module';

const [end, folder, port, certificate] = process.argv.slice(2);
const { Receiver, Sender } = createRequire(`${folder}/`)('ws');

// Calls `message(data, isBinary)`. The end of a stream is that of a TCP connection.
function frames(stream, isServer, message, closed) {
  const receiver = new Receiver({ isServer, maxPayload: 1 << 26 });
  receiver.on('message', (data, isBinary) => message(data, isBinary));
  receiver.on('conclude', (code, reason) => closed(code, reason.toString()));
  receiver.on('error', (error) => stream.destroy(error));
  stream.pipe(receiver, { end: false });
  const sender = new Sender(stream, {});
  const mask = !isServer;
  return {
    send: (data, binary) => sender.send(data, { fin: true, mask, binary }),
    close: (code, reason) => sender.close(code, reason, mask),
  };
}

async function client() {
  const session = http2.connect(`https://localhost:${port}`, { ca: readFileSync(certificate), family: 4 });
  const [settings] = await once(session, 'remoteSettings');
  assert.equal(settings.enableConnectProtocol, true);
  const open = (origin) => session.request({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':path': '/echo',
    origin,
    'sec-websocket-version': '13',
    'sec-websocket-protocol': 'v1.echo',
  }, { endStream: false });

  const stream = open(`https://localhost:${port}`);
  const [fields] = await once(stream, 'response');
  assert.equal(fields[':status'], 200);
  assert.equal(fields['sec-websocket-protocol'], 'v1.echo');
  const messages = ['', 'Hello', 'Grüße 😀'.repeat(20_000), Buffer.alloc(0), Buffer.alloc(300_000, 'x')];
  const sent = ['Which HTTP?', ...messages], expected = ['HTTP/2.0', ...messages];
  await new Promise((resolve, reject) => {
    const ws = frames(stream, false, (data, isBinary) => {
      try {
        assert.deepEqual(isBinary ? data : data.toString(), expected.shift());
      } catch (error) {
        reject(error);
      }
      if (expected.length === 0) ws.close(3001, 'enough');
    }, (code, reason) => resolve(assert.deepEqual([code, reason], [3001, 'enough'])));
    for (const message of sent) ws.send(message, typeof message !== 'string');
  });
  await once(stream, 'end'); // END_STREAM of the server, which closes first
  stream.end();

  for (const origin of ['https://elsewhere.example', `http://localhost:${port}`]) {
    const refused = open(origin);
    const [fields] = await once(refused, 'response');
    assert.equal(fields[':status'], 403);
    refused.close();
  }
  session.close();
  console.log('no compression, a refused origin, 3001');
}

function server() {
  const server = http2.createServer({ settings: { enableConnectProtocol: true } });
  server.on('stream', (stream, fields) => {
    assert.equal(fields[':protocol'], 'websocket');
    assert.equal(fields['sec-websocket-key'], undefined);
    stream.respond({ ':status': 200, 'sec-websocket-protocol': 'v2.echo' });
    const ws = frames(stream, true, (data, isBinary) => ws.send(data, isBinary), (code, reason) => {
      ws.close(code, reason);
      stream.end();
    });
  });
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
}

await { client, server }[end]();
