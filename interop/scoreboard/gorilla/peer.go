package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

func echo(ws *websocket.Conn) {
	defer ws.Close()
	for {
		kind, data, err := ws.ReadMessage()
		if err != nil {
			return
		}
		// The documentation asks this of the program.
		if kind == websocket.TextMessage && !utf8.Valid(data) {
			reason := websocket.FormatCloseMessage(websocket.CloseInvalidFramePayloadData, "")
			ws.WriteControl(websocket.CloseMessage, reason, time.Now().Add(time.Second))
			return
		}
		if ws.WriteMessage(kind, data) != nil {
			return
		}
	}
}

func connect(uri string) (*websocket.Conn, error) {
	dialer := websocket.Dialer{EnableCompression: true}
	ws, _, err := dialer.Dial(uri, nil)
	return ws, err
}

func main() {
	at := os.Args[2]
	if os.Args[1] == "server" {
		upgrader := websocket.Upgrader{EnableCompression: true}
		http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
			if ws, err := upgrader.Upgrade(w, r, nil); err == nil {
				echo(ws)
			}
		})
		log.Fatal(http.ListenAndServe("127.0.0.1:"+at, nil))
	}
	ws, err := connect(at + "/getCaseCount")
	if err != nil {
		log.Fatal(err)
	}
	_, text, _ := ws.ReadMessage()
	count, _ := strconv.Atoi(string(text))
	for n := 1; n <= count; n++ {
		if ws, err := connect(fmt.Sprintf("%s/runCase?case=%d&agent=gorilla", at, n)); err == nil {
			echo(ws)
		}
	}
	if ws, err := connect(at + "/updateReports?agent=gorilla"); err == nil {
		ws.ReadMessage()
	}
}
