#include <iostream>
#include <string>
#include <websocketpp/client.hpp>
#include <websocketpp/config/asio_no_tls.hpp>
#include <websocketpp/config/asio_no_tls_client.hpp>
#include <websocketpp/extensions/permessage_deflate/enabled.hpp>
#include <websocketpp/server.hpp>

template <typename Base>
struct Config : Base {
  struct permessage_deflate_config {};
  using permessage_deflate_type =
      websocketpp::extensions::permessage_deflate::enabled<permessage_deflate_config>;
};
using Server = websocketpp::server<Config<websocketpp::config::asio>>;
using Client = websocketpp::client<Config<websocketpp::config::asio_client>>;

// The last message.
std::string connect(const std::string& uri, bool echoes) {
  Client client;
  std::string last;
  client.clear_access_channels(websocketpp::log::alevel::all);
  client.clear_error_channels(websocketpp::log::elevel::all);
  client.init_asio();
  client.set_message_handler([&](websocketpp::connection_hdl to, Client::message_ptr message) {
    last = message->get_payload();
    websocketpp::lib::error_code error;
    if (echoes) client.send(to, last, message->get_opcode(), error);
  });
  websocketpp::lib::error_code error;
  client.connect(client.get_connection(uri, error));
  client.run();
  return last;
}

int main(int, char** argv) {
  std::string role = argv[1], at = argv[2];
  if (role == "server") {
    Server server;
    server.clear_access_channels(websocketpp::log::alevel::all);
    server.init_asio();
    server.set_reuse_addr(true);
    server.set_message_handler([&](websocketpp::connection_hdl to, Server::message_ptr message) {
      websocketpp::lib::error_code error;
      server.send(to, message->get_payload(), message->get_opcode(), error);
    });
    server.listen(websocketpp::lib::asio::ip::tcp::v4(), std::stoi(at));
    server.start_accept();
    server.run();
  }
  int count = std::stoi(connect(at + "/getCaseCount", false));
  for (int n = 1; n <= count; ++n)
    connect(at + "/runCase?case=" + std::to_string(n) + "&agent=websocketpp", true);
  connect(at + "/updateReports?agent=websocketpp", false);
}
