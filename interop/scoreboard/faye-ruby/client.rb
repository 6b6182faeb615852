require 'eventmachine'
require 'faye/websocket'

URL = ARGV[0]

# Connects, and goes on with `after` and the last message when the connection is over.
def connect(path, echoes, &after)
  last = nil
  ws = $connection = Faye::WebSocket::Client.new(URL + path, [], max_length: 2**25)
  ws.on(:message) do |event|
    last = event.data
    ws.send(last) if echoes
  end
  ws.on(:close) { EM.next_tick { after.call(last) } }
end

def run(n, count)
  return connect('/updateReports?agent=faye', false) { EM.stop } if n > count
  connect("/runCase?case=#{n}&agent=faye", true) { run(n + 1, count) }
end

# An error ends its connection, and not the run.
EM.error_handler do |error|
  warn error.full_message
  $connection.close
end
EM.run { connect('/getCaseCount', false) { |count| run(1, count.to_i) } }
