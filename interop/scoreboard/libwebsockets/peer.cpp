#include <cstdlib>
#include <deque>
#include <libwebsockets.h>
#include <string>
#include <utility>

struct Session {
  std::string received;
  std::deque<std::pair<bool, std::string>> waiting;
};

static int on_event(lws* ws, lws_callback_reasons reason, void* user, void* in, size_t len) {
  auto& session = *static_cast<Session**>(user);
  switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
      session = new Session;
      break;
    case LWS_CALLBACK_CLOSED:
      delete session;
      session = nullptr;
      break;
    case LWS_CALLBACK_RECEIVE:
      session->received.append(static_cast<char*>(in), len);
      if (lws_is_final_fragment(ws) && lws_remaining_packet_payload(ws) == 0) {
        session->waiting.emplace_back(lws_frame_is_binary(ws), std::move(session->received));
        session->received.clear();
        lws_callback_on_writable(ws);
      }
      break;
    case LWS_CALLBACK_SERVER_WRITEABLE:
      if (!session->waiting.empty()) {
        auto& [binary, message] = session->waiting.front();
        std::string padded(LWS_PRE, 0);
        padded += message;
        auto kind = binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT;
        auto start = reinterpret_cast<unsigned char*>(&padded[LWS_PRE]);
        if (lws_write(ws, start, message.size(), kind) < 0) return -1;
        session->waiting.pop_front();
        if (!session->waiting.empty()) lws_callback_on_writable(ws);
      }
      break;
    default:
      break;
  }
  return 0;
}

int main(int, char** argv) {
  static const lws_protocols protocols[] = {{"echo", on_event, sizeof(Session*), 65536}, {}};
  static const lws_extension extensions[] = {
      {"permessage-deflate", lws_extension_callback_pm_deflate, "permessage-deflate"}, {}};
  lws_context_creation_info info{};
  info.port = std::atoi(argv[2]);
  info.iface = "127.0.0.1";
  info.protocols = protocols;
  info.extensions = extensions;
  info.options = LWS_SERVER_OPTION_VALIDATE_UTF8;
  lws_set_log_level(LLL_ERR, nullptr);
  auto context = lws_create_context(&info);
  while (context && lws_service(context, 0) >= 0) {}
}
