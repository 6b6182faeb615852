import jakarta.websocket.*;
import jakarta.websocket.server.ServerEndpoint;
import java.nio.ByteBuffer;
import org.apache.catalina.Context;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.servlets.DefaultServlet;
import org.apache.catalina.startup.Tomcat;
import org.apache.tomcat.websocket.server.WsContextListener;
import jakarta.servlet.*;
import jakarta.websocket.server.ServerContainer;

/** An echo server over Tomcat. */
@ServerEndpoint("/")
public class Echo {
    @OnMessage(maxMessageSize = 1 << 25)
    public String onText(String text) { return text; }

    @OnMessage(maxMessageSize = 1 << 25)
    public ByteBuffer onBinary(ByteBuffer bytes) { return bytes; }

    @OnError
    public void onError(Throwable error) {}

    public static class Deploy extends WsContextListener {
        @Override
        public void contextInitialized(ServletContextEvent event) {
            super.contextInitialized(event);
            var container = (ServerContainer) event.getServletContext()
                .getAttribute("jakarta.websocket.server.ServerContainer");
            container.setDefaultMaxTextMessageBufferSize(1 << 25);
            container.setDefaultMaxBinaryMessageBufferSize(1 << 25);
            try {
                container.addEndpoint(Echo.class);
            } catch (DeploymentException error) {
                throw new IllegalStateException(error);
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(System.getProperty("java.io.tmpdir") + "/echo-" + arguments[0]);
        tomcat.setHostname("127.0.0.1");
        tomcat.setPort(Integer.parseInt(arguments[0]));
        tomcat.getConnector().setProperty("address", "127.0.0.1");
        Context context = tomcat.addContext("", null);
        context.addApplicationListener(Deploy.class.getName());
        Tomcat.addServlet(context, "default", new DefaultServlet());
        context.addServletMappingDecoded("/", "default");
        tomcat.start();
        tomcat.getServer().await();
    }
}
