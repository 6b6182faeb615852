// An echo server on uWebSockets and uSockets, as in its own example, without compression.

#include <App.h>

extern "C" void uws_serve(void (*listening)(int port)) {
    struct Nothing {};
    uWS::App()
        .ws<Nothing>("/*", {
            .compression = uWS::DISABLED,
            .maxPayloadLength = 16 << 20,
            .idleTimeout = 0,
            .maxBackpressure = 256 << 20,
            .message = [](auto *ws, std::string_view message, uWS::OpCode opcode) {
                ws->send(message, opcode);
            },
        })
        .listen("127.0.0.1", 0, [listening](us_listen_socket_t *socket) {
            if (socket) listening(us_socket_local_port(0, (us_socket_t *) socket));
        })
        .run();
}
