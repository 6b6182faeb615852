require 'faye/websocket'
Faye::WebSocket.load_adapter('puma')

run(lambda do |env|
  next [400, {}, ['WebSocket only']] unless Faye::WebSocket.websocket?(env)
  ws = Faye::WebSocket.new(env, [], max_length: 2**25)
  ws.on(:message) { |event| ws.send(event.data) }
  ws.rack_response
end)
