// Command coder is a peer: coder/websocket on net/http, echoing whole messages.
//
//	coder -addr 127.0.0.1:21080
package main

import (
	"context"
	"flag"
	"log"
	"net/http"

	"github.com/coder/websocket"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:21080", "listen address")
	flag.Parse()
	log.Fatal(http.ListenAndServe(*addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer c.CloseNow()
		c.SetReadLimit(1 << 20)
		ctx := context.Background()
		for {
			op, p, err := c.Read(ctx)
			if err != nil || c.Write(ctx, op, p) != nil {
				return
			}
		}
	})))
}
