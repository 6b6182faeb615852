#include <boost/asio.hpp>
#include <boost/beast.hpp>
#include <boost/beast/websocket.hpp>
#include <iostream>
#include <string>
#include <thread>
namespace net = boost::asio;
namespace websocket = boost::beast::websocket;
using tcp = net::ip::tcp;
using Stream = websocket::stream<tcp::socket>;

// Without this, errors are thrown.
void converse(Stream& ws, bool echoes, std::string& last) try {
  for (;;) {
    boost::beast::flat_buffer buffer;
    ws.read(buffer);
    last = boost::beast::buffers_to_string(buffer.data());
    ws.text(ws.got_text());
    if (echoes) ws.write(buffer.data());
  }
} catch (const std::exception&) {
}

void configure(Stream& ws) {
  websocket::permessage_deflate deflate;
  deflate.client_enable = deflate.server_enable = true;
  ws.set_option(deflate);
  ws.read_message_max(1 << 25);
}

std::string connect(const std::string& authority, const std::string& path, bool echoes) try {
  static net::io_context io;
  auto colon = authority.find(':');
  Stream ws(io);
  std::string last;
  tcp::resolver resolver(io);
  net::connect(ws.next_layer(),
               resolver.resolve(authority.substr(0, colon), authority.substr(colon + 1)));
  configure(ws);
  ws.handshake(authority, path);
  converse(ws, echoes, last);
  return last;
} catch (const std::exception&) {
  return "";
}

int main(int, char** argv) {
  std::string role = argv[1], at = argv[2];
  if (role == "server") {
    net::io_context io;
    tcp::acceptor acceptor(io, {net::ip::make_address("127.0.0.1"), (unsigned short)std::stoi(at)});
    for (;;) {
      std::thread([socket = acceptor.accept()]() mutable {
        try {
          Stream ws(std::move(socket));
          std::string last;
          configure(ws);
          ws.accept();
          converse(ws, true, last);
        } catch (const std::exception&) {
        }
      }).detach();
    }
  }
  std::string host = at.substr(5);  // without "ws://"
  int count = std::stoi(connect(host, "/getCaseCount", false));
  for (int n = 1; n <= count; ++n)
    connect(host, "/runCase?case=" + std::to_string(n) + "&agent=beast", true);
  connect(host, "/updateReports?agent=beast", false);
}
