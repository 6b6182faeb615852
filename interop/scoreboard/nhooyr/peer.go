package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"strconv"

	"nhooyr.io/websocket"
)

var ctx = context.Background()

func echo(ws *websocket.Conn) {
	ws.SetReadLimit(1 << 25)
	for {
		kind, data, err := ws.Read(ctx)
		if err != nil || ws.Write(ctx, kind, data) != nil {
			return
		}
	}
}

func connect(uri string) (*websocket.Conn, error) {
	options := websocket.DialOptions{CompressionMode: websocket.CompressionContextTakeover}
	ws, _, err := websocket.Dial(ctx, uri, &options)
	return ws, err
}

func main() {
	at := os.Args[2]
	if os.Args[1] == "server" {
		options := websocket.AcceptOptions{CompressionMode: websocket.CompressionContextTakeover}
		http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
			if ws, err := websocket.Accept(w, r, &options); err == nil {
				echo(ws)
			}
		})
		log.Fatal(http.ListenAndServe("127.0.0.1:"+at, nil))
	}
	ws, err := connect(at + "/getCaseCount")
	if err != nil {
		log.Fatal(err)
	}
	_, text, _ := ws.Read(ctx)
	count, _ := strconv.Atoi(string(text))
	for n := 1; n <= count; n++ {
		if ws, err := connect(fmt.Sprintf("%s/runCase?case=%d&agent=nhooyr", at, n)); err == nil {
			echo(ws)
		}
	}
	if ws, err := connect(at + "/updateReports?agent=nhooyr"); err == nil {
		ws.Read(ctx)
	}
}
