// Command load drives one server with package load and prints the result as
// JSON. It ends with status 1 when the server answered wrongly.
//
//	load -mode echo -url ws://127.0.0.1:21080/echo -conns 1000 -pid 4711
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/kzfast/kzfast/bench/load"
)

func main() {
	var o load.Options
	flag.Func("mode", "echo, idle, redirect, handshake or broadcast", func(s string) error { o.Mode = load.Mode(s); return nil })
	flag.StringVar(&o.URL, "url", "ws://127.0.0.1:21080/echo", "what to connect to; an address, no name")
	flag.StringVar(&o.Host, "host", "", "Host header, when it is not the URL's")
	flag.IntVar(&o.Conns, "conns", 100, "connections, or concurrent slots for redirect and handshake")
	flag.IntVar(&o.Depth, "depth", 1, "messages in flight per connection")
	flag.IntVar(&o.Size, "size", 125, "payload `bytes`")
	flag.BoolVar(&o.Text, "text", false, "send text messages")
	flag.BoolVar(&o.Stream, "stream", false, "message boundaries may change on the way (a tcp leg)")
	flag.IntVar(&o.Rate, "rate", 0, "messages a second in all (open loop); 0 sends when an answer came")
	flag.IntVar(&o.Extra, "extra", 0, "echo: further connections that stay idle")
	flag.StringVar(&o.Kind, "kind", "ws", "idle: ws, sse or wse")
	flag.BoolVar(&o.Touch, "touch", false, "idle: one echo on each connection first")
	flag.IntVar(&o.Churn, "churn", 0, "idle: connections opened and closed while the others are held")
	flag.StringVar(&o.Publish, "publish", "ws", "broadcast: ws, or `ADDR:PORT` to await the server's back end connection on")
	flag.IntVar(&o.Burst, "burst", 1, "broadcast: messages per write")
	flag.StringVar(&o.Location, "location", "", "redirect: what Location must start with")
	flag.DurationVar(&o.Warmup, "warmup", time.Second, "time before the measured interval")
	flag.DurationVar(&o.Duration, "duration", 5*time.Second, "measured interval")
	flag.DurationVar(&o.Settle, "settle", 2*time.Second, "idle: wait before each memory reading")
	flag.IntVar(&o.PID, "pid", 0, "server process, measured with its descendants")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "load: unknown argument %q\n", flag.Arg(0))
		os.Exit(2)
	}

	r, err := load.Run(o)
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	if out.Encode(r) != nil || err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}
