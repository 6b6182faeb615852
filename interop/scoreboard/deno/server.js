// A rejection outside of the handler would end the program.
addEventListener('unhandledrejection', (event) => event.preventDefault());
Deno.serve({ hostname: '127.0.0.1', port: Number(Deno.args[0]) }, (request) => {
  try {
    const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 0 });
    socket.onmessage = (event) => socket.send(event.data);
    socket.onerror = () => {};
    return response;
  } catch {
    return new Response('WebSocket only', { status: 400 });
  }
});
