require 'em-websocket'

EM.run do
  EM::WebSocket.run(host: '127.0.0.1', port: ARGV[0].to_i) do |ws|
    ws.max_frame_size = 2**25 if ws.respond_to?(:max_frame_size=)
    ws.onmessage { |text| ws.send_text(text) }
    ws.onbinary { |bytes| ws.send_binary(bytes) }
    ws.onerror { |error| warn(error) }
  end
end
