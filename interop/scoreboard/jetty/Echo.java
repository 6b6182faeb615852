import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.websocket.api.Session;
import org.eclipse.jetty.websocket.api.annotations.*;
import org.eclipse.jetty.websocket.server.WebSocketHandler;
import org.eclipse.jetty.websocket.servlet.WebSocketServletFactory;

/** An echo server over Jetty. */
@WebSocket
public class Echo {
    @OnWebSocketMessage
    public void onText(Session session, String text) throws Exception {
        session.getRemote().sendString(text);
    }

    @OnWebSocketMessage
    public void onBinary(Session session, byte[] bytes, int offset, int len) throws Exception {
        session.getRemote().sendBytes(ByteBuffer.wrap(bytes, offset, len));
    }

    @OnWebSocketError
    public void onError(Throwable error) {}

    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(arguments[0]);
        Server server = new Server(new InetSocketAddress("127.0.0.1", port));
        server.setHandler(new WebSocketHandler() {
            @Override
            public void configure(WebSocketServletFactory factory) {
                factory.getPolicy().setMaxTextMessageSize(1 << 25);
                factory.getPolicy().setMaxBinaryMessageSize(1 << 25);
                factory.register(Echo.class);
            }
        });
        server.start();
    }
}
