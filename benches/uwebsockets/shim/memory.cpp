// The parser and the formatter of uWebSockets, on memory. What its WebSocketContext does with
// sockets around them is done here with buffers: assembling, UTF-8, pongs.

#include <WebSocketProtocol.h>

#include <string>
#include <string_view>

namespace protocol = uWS::protocol;

namespace {

const size_t LONGEST_HEADER = 14;
const uint64_t MESSAGE_BYTES_MAX = 16 << 20;

typedef void (*MessageHandler)(void *sink, uint8_t opcode, const char *data, size_t length);

template <bool is_server>
void append_frame(std::string &out, std::string_view payload, uWS::OpCode opcode) {
    size_t at = out.size();
    out.resize(at + LONGEST_HEADER + payload.size());
    size_t length = payload.size();
    at += protocol::formatMessage<is_server>(
        out.data() + at, payload.data(), length, opcode, length, false, true);
    out.resize(at);
}

template <bool is_server>
struct Session {
    using State = uWS::WebSocketState<is_server>;

    State state;
    // The part of a message that has arrived, if it does not arrive at once.
    std::string message;
    // The same for a control frame.
    std::string control;
    std::string replies;
    bool failed = false;
    MessageHandler handler = nullptr;
    void *sink = nullptr;

    void receive(char *data, size_t length) {
        uWS::WebSocketProtocol<is_server, Session>::consume(data, length, &state, this);
    }

    // The parser calls these. `true` stops it.

    static bool setCompressed(State *, void *) { return false; }

    static bool refusePayloadLength(uint64_t length, State *, void *) {
        return length > MESSAGE_BYTES_MAX;
    }

    static void forceClose(State *, void *session, std::string_view = {}) {
        static_cast<Session *>(session)->failed = true;
    }

    static bool handleFragment(
        char *data, size_t length, unsigned remaining, int opcode, bool fin, State *, void *session) {
        Session &self = *static_cast<Session *>(session);
        std::string_view piece(data, length);
        return opcode < uWS::CLOSE ? self.data_frame(piece, remaining, opcode, fin)
                                   : self.control_frame(piece, remaining, opcode);
    }

    bool data_frame(std::string_view payload, unsigned remaining, int opcode, bool fin) {
        bool complete = remaining == 0 && fin;
        if (!complete || !message.empty()) {
            if (message.empty()) message.reserve(payload.size() + remaining);
            message.append(payload);
            payload = message;
        }
        if (message.size() > MESSAGE_BYTES_MAX) failed = true;
        if (!complete || failed) return failed;
        auto *bytes = (unsigned char *) payload.data();
        if (opcode == uWS::TEXT && !protocol::isValidUtf8(bytes, payload.size())) {
            return failed = true;
        }
        handler(sink, opcode, payload.data(), payload.size());
        message.clear();
        return false;
    }

    bool control_frame(std::string_view payload, unsigned remaining, int opcode) {
        if (remaining != 0 || !control.empty()) {
            control.append(payload);
            payload = control;
        }
        if (remaining != 0) return false;
        if (opcode == uWS::PING) append_frame<is_server>(replies, payload, uWS::PONG);
        control.clear();
        return opcode == uWS::CLOSE;
    }
};

template <bool is_server>
size_t format(char *to, const char *payload, size_t length, size_t messages) {
    char *at = to;
    for (size_t i = 0; i < messages; i++) {
        at += protocol::formatMessage<is_server>(
            at, payload, length, uWS::BINARY, length, false, true);
    }
    return at - to;
}

template <bool is_server>
bool receive(void *session, char *data, size_t length, MessageHandler handler, void *sink) {
    auto *self = static_cast<Session<is_server> *>(session);
    self->handler = handler;
    self->sink = sink;
    self->receive(data, length);
    return !self->failed;
}

template <bool is_server>
size_t take_replies(void *session, const char **data) {
    // Valid until the next call for this session.
    static thread_local std::string taken;
    taken.clear();
    taken.swap(static_cast<Session<is_server> *>(session)->replies);
    *data = taken.data();
    return taken.size();
}

} // namespace

extern "C" {

void *uws_open(bool is_server) {
    if (is_server) return new Session<true>();
    return new Session<false>();
}

void uws_close(bool is_server, void *session) {
    if (is_server) delete static_cast<Session<true> *>(session);
    else delete static_cast<Session<false> *>(session);
}

// Before and after the data there must be room that the parser may write to.
bool uws_receive(
    bool is_server, void *session, char *data, size_t length, MessageHandler handler, void *sink) {
    return is_server ? receive<true>(session, data, length, handler, sink)
                     : receive<false>(session, data, length, handler, sink);
}

size_t uws_take_replies(bool is_server, void *session, const char **data) {
    return is_server ? take_replies<true>(session, data) : take_replies<false>(session, data);
}

size_t uws_format(bool is_server, char *to, const char *payload, size_t length, size_t messages) {
    return is_server ? format<true>(to, payload, length, messages)
                     : format<false>(to, payload, length, messages);
}

}
