#include <cstdlib>
#include <cstring>
#include <libsoup/soup.h>
#include <string>

static GMainLoop* loop;
static std::string last;

static void echo(SoupWebsocketConnection* ws, int kind, GBytes* message, void*) {
  soup_websocket_connection_send_message(ws, (SoupWebsocketDataType)kind, message);
}

static void keep(SoupWebsocketConnection*, int, GBytes* message, void*) {
  size_t size;
  auto data = (const char*)g_bytes_get_data(message, &size);
  last.assign(data, size);
}

static void serve(
    SoupServer*, SoupServerMessage*, const char*, SoupWebsocketConnection* ws, void*) {
  soup_websocket_connection_set_max_incoming_payload_size(ws, 1 << 25);
  g_signal_connect(g_object_ref(ws), "message", G_CALLBACK(echo), nullptr);
  g_signal_connect(ws, "closed", G_CALLBACK(g_object_unref), nullptr);
}

static void closed(SoupWebsocketConnection* ws, void*) {
  g_object_unref(ws);
  g_main_loop_quit(loop);
}

static void connected(GObject* session, GAsyncResult* result, void* echoes) {
  auto ws = soup_session_websocket_connect_finish(SOUP_SESSION(session), result, nullptr);
  if (!ws) return g_main_loop_quit(loop);
  soup_websocket_connection_set_max_incoming_payload_size(ws, 1 << 25);
  g_signal_connect(ws, "message", echoes ? G_CALLBACK(echo) : G_CALLBACK(keep), nullptr);
  g_signal_connect(ws, "closed", G_CALLBACK(closed), nullptr);
}

static void connect(SoupSession* session, const std::string& uri, bool echoes) {
  auto message = soup_message_new("GET", uri.c_str());
  soup_session_websocket_connect_async(session, message, nullptr, nullptr, G_PRIORITY_DEFAULT,
                                       nullptr, connected, echoes ? session : nullptr);
  g_main_loop_run(loop);
  g_object_unref(message);
}

int main(int, char** argv) {
  std::string role = argv[1], at = argv[2];
  loop = g_main_loop_new(nullptr, FALSE);
  if (role == "server") {
    auto server = soup_server_new(nullptr, nullptr);
    soup_server_add_websocket_handler(server, nullptr, nullptr, nullptr, serve, nullptr, nullptr);
    soup_server_listen_local(server, std::stoi(at), SOUP_SERVER_LISTEN_IPV4_ONLY, nullptr);
    g_main_loop_run(loop);
  }
  auto session = soup_session_new();
  soup_session_add_feature_by_type(session, SOUP_TYPE_WEBSOCKET_EXTENSION_MANAGER);
  connect(session, at + "/getCaseCount", false);
  int count = std::stoi(last);
  for (int n = 1; n <= count; ++n)
    connect(session, at + "/runCase?case=" + std::to_string(n) + "&agent=libsoup", true);
  connect(session, at + "/updateReports?agent=libsoup", false);
}
