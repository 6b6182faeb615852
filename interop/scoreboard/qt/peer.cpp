#include <QCoreApplication>
#include <QEventLoop>
#include <QHostAddress>
#include <QWebSocket>
#include <QWebSocketServer>

static void echo(QWebSocket* ws) {
  using Socket = QWebSocket;
  QObject::connect(ws, &Socket::textMessageReceived,
                   [ws](const QString& message) { ws->sendTextMessage(message); });
  QObject::connect(ws, &Socket::binaryMessageReceived,
                   [ws](const QByteArray& message) { ws->sendBinaryMessage(message); });
}

// The last message.
static QString connect(const QString& uri, bool echoes) {
  QWebSocket ws;
  QEventLoop loop;
  QString last;
  QObject::connect(&ws, &QWebSocket::disconnected, &loop, &QEventLoop::quit);
  // If the handshake fails, this alone may come.
  QObject::connect(&ws, QOverload<QAbstractSocket::SocketError>::of(&QWebSocket::error), &loop,
                   &QEventLoop::quit, Qt::QueuedConnection);
  QObject::connect(&ws, &QWebSocket::textMessageReceived,
                   [&](const QString& message) { last = message; });
  if (echoes) echo(&ws);
  ws.open(QUrl(uri));
  loop.exec();
  return last;
}

int main(int argc, char** argv) {
  QCoreApplication app(argc, argv);
  QString role = argv[1], at = argv[2];
  if (role == "server") {
    QWebSocketServer server("echo", QWebSocketServer::NonSecureMode);
    server.listen(QHostAddress::LocalHost, at.toUShort());
    QObject::connect(&server, &QWebSocketServer::newConnection, [&] {
      QWebSocket* ws = server.nextPendingConnection();
      QObject::connect(ws, &QWebSocket::disconnected, ws, &QObject::deleteLater);
      echo(ws);
    });
    return app.exec();
  }
  int count = connect(at + "/getCaseCount", false).toInt();
  for (int n = 1; n <= count; ++n)
    connect(at + QString("/runCase?case=%1&agent=qt").arg(n), true);
  connect(at + "/updateReports?agent=qt", false);
}
