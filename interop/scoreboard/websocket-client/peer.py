import sys

import websocket

url = sys.argv[2]
ws = websocket.create_connection(f"{url}/getCaseCount")
count = int(ws.recv())
ws.close()
for case in range(1, count + 1):
    ws = websocket.WebSocket()
    try:
        ws.connect(f"{url}/runCase?case={case}&agent=websocket-client")
        while True:
            opcode, data = ws.recv_data()
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                break
            ws.send(data, opcode)
        ws.close()
    # The program says with which code the connection is closed.
    except websocket.WebSocketProtocolException:
        ws.close(websocket.STATUS_PROTOCOL_ERROR)
    except websocket.WebSocketPayloadException:
        ws.close(websocket.STATUS_INVALID_PAYLOAD)
    except (websocket.WebSocketException, OSError, ValueError):
        ws.close()
ws = websocket.create_connection(f"{url}/updateReports?agent=websocket-client")
ws.close()
