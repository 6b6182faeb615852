package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"strconv"

	"golang.org/x/net/websocket"
)

// A message, whose type the library's own codecs do not tell.
type message struct {
	kind byte
	data []byte
}

var codec = websocket.Codec{
	Marshal: func(v any) ([]byte, byte, error) { m := v.(*message); return m.data, m.kind, nil },
	Unmarshal: func(data []byte, kind byte, v any) error {
		*v.(*message) = message{kind, data}
		return nil
	},
}

func echo(ws *websocket.Conn) {
	for {
		var m message
		if codec.Receive(ws, &m) != nil || codec.Send(ws, &m) != nil {
			ws.Close()
			return
		}
	}
}

func connect(uri string) (*websocket.Conn, error) {
	return websocket.Dial(uri, "", "http://127.0.0.1/")
}

func main() {
	at := os.Args[2]
	if os.Args[1] == "server" {
		// Without a handshake function of ours, a client without an Origin is refused.
		any := func(*websocket.Config, *http.Request) error { return nil }
		http.Handle("/", websocket.Server{Handler: echo, Handshake: any})
		log.Fatal(http.ListenAndServe("127.0.0.1:"+at, nil))
	}
	ws, err := connect(at + "/getCaseCount")
	if err != nil {
		log.Fatal(err)
	}
	var text message
	codec.Receive(ws, &text)
	count, _ := strconv.Atoi(string(text.data))
	for n := 1; n <= count; n++ {
		if ws, err := connect(fmt.Sprintf("%s/runCase?case=%d&agent=x-net", at, n)); err == nil {
			echo(ws)
		}
	}
	if ws, err := connect(at + "/updateReports?agent=x-net"); err == nil {
		codec.Receive(ws, &text)
	}
}
