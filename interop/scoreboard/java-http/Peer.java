import java.io.ByteArrayOutputStream;
import java.lang.ref.Reference;
import java.net.URI;
import java.net.http.*;
import java.nio.ByteBuffer;
import java.util.concurrent.*;

/** An echo over the JDK's own client, which hands messages out in parts. */
class Peer implements WebSocket.Listener {
    final boolean echoes;
    final CompletableFuture<Void> over = new CompletableFuture<>();
    final StringBuilder text = new StringBuilder();
    final ByteArrayOutputStream binary = new ByteArrayOutputStream();
    String last;

    Peer(boolean echoes) { this.echoes = echoes; }

    public CompletionStage<?> onText(WebSocket ws, CharSequence data, boolean isLast) {
        text.append(data);
        CompletionStage<?> sent = null;
        if (isLast) {
            last = text.toString();
            text.setLength(0);
            if (echoes) sent = ws.sendText(last, true);
        }
        return after(ws, sent);
    }

    public CompletionStage<?> onBinary(WebSocket ws, ByteBuffer data, boolean isLast) {
        while (data.hasRemaining()) binary.write(data.get());
        CompletionStage<?> sent = null;
        if (isLast) {
            if (echoes) sent = ws.sendBinary(ByteBuffer.wrap(binary.toByteArray()), true);
            binary.reset();
        }
        return after(ws, sent);
    }

    CompletionStage<?> after(WebSocket ws, CompletionStage<?> sent) {
        if (sent == null) ws.request(1);
        else sent.whenComplete((ok, error) -> ws.request(1));
        return null;
    }

    public CompletionStage<?> onClose(WebSocket ws, int code, String reason) {
        over.complete(null);
        return null;
    }

    public void onError(WebSocket ws, Throwable error) {
        System.err.println(error);
        over.complete(null);
    }

    static Peer connect(String uri, boolean echoes) throws Exception {
        Peer peer = new Peer(echoes);
        try {
            WebSocket ws = client.newWebSocketBuilder().buildAsync(URI.create(uri), peer).get();
            peer.over.get();
            Reference.reachabilityFence(ws);
        } catch (ExecutionException error) {
            // The handshake has failed.
        }
        return peer;
    }

    static final HttpClient client = HttpClient.newHttpClient();

    public static void main(String[] arguments) throws Exception {
        String url = arguments[0];
        int count = Integer.parseInt(connect(url + "/getCaseCount", false).last);
        for (int n = 1; n <= count; n++) {
            connect(url + "/runCase?case=" + n + "&agent=java.net.http", true);
        }
        connect(url + "/updateReports?agent=java.net.http", false);
        System.exit(0);
    }
}
