package client_test

import (
	"context"
	"fmt"
	"log"
	"os/signal"
	"syscall"
	"time"

	"github.com/kzfast/kzfast/client"
	"github.com/kzfast/kzfast/wsproto"
)

func ExampleDial() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	conn, err := client.Dial(ctx, "ws://balancer.example.com:8001/echo", client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(wsproto.CodeNormal, "")
	if err := conn.Write(ctx, client.Message{Text: true, Data: []byte("hello")}); err != nil {
		log.Fatal(err)
	}
	m, err := conn.Read(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s answers %q\n", conn.URI(), m.Data)
}

func ExampleClient() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT)
	defer stop()
	c, err := client.New("wss://balancer.example.com/echo", client.Options{InBand: true}, client.Handlers{
		State: func(s client.State) {
			switch s.Phase {
			case client.Open:
				fmt.Println("member", s.Member)
			case client.Waiting:
				fmt.Printf("lost (%v), again in %v\n", s.Err, s.Delay)
			}
		},
		Message: func(m client.Message) { fmt.Printf("%s\n", m.Data) },
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := c.Run(ctx); err != nil {
		log.Print(err)
	}
}
