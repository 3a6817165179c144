package load

import (
	"fmt"
	"net/netip"
	"net/url"
	"time"
)

// A Mode says what the connections do.
type Mode string

// The modes.
const (
	Echo      Mode = "echo"      // messages go and come back
	Idle      Mode = "idle"      // connections are opened and held; memory is measured
	Redirect  Mode = "redirect"  // new connection, upgrade request, 302, close
	Handshake Mode = "handshake" // new connection, upgrade request, 101, close
	Broadcast Mode = "broadcast" // one publisher, all others subscribers
)

// Options describe one run. The zero value of a field means what its comment
// says, except that Mode, URL and Conns are required.
type Options struct {
	Mode  Mode   `json:"mode"`
	URL   string `json:"url"`   // ws://ADDR:PORT/PATH; ADDR is an address, no name
	Host  string `json:"host"`  // Host header; empty: that of URL
	Conns int    `json:"conns"` // connections, or concurrent slots for redirect and handshake

	Depth  int  `json:"depth"`  // messages in flight per connection; 0 = 1
	Size   int  `json:"size"`   // payload bytes; 0 = 125
	Text   bool `json:"text"`   // send text messages, not binary
	Stream bool `json:"stream"` // a stream lies in between: message boundaries may change
	Rate   int  `json:"rate"`   // messages a second in all, open loop; 0 = closed loop
	Extra  int  `json:"extra"`  // further connections that stay idle (echo)

	Kind  string `json:"kind"`  // idle: "ws" (empty), "sse" or "wse"
	Touch bool   `json:"touch"` // idle: one echo on each connection before it is held
	Churn int    `json:"churn"` // idle: connections opened and closed while the others are held

	Publish string `json:"publish"` // broadcast: "ws", or ADDR:PORT on which the server's back end connection is awaited
	Burst   int    `json:"burst"`   // broadcast: messages per write of the publisher; 0 = 1

	Location string `json:"location"` // redirect: what the Location must start with

	Warmup   time.Duration `json:"warmup"`   // before the measured interval
	Duration time.Duration `json:"duration"` // the measured interval; 0 = 5 s
	Settle   time.Duration `json:"settle"`   // idle: wait before each memory reading
	PID      int           `json:"pid"`      // server, measured with its descendants; 0 = not measured
}

// maxConns is what 16 bits of a message's tag can name; the descriptor limit
// is usually lower.
const maxConns = 1 << 16

// a target is the checked form of Options.URL.
type target struct {
	addr netip.AddrPort
	host string
	path string
}

// complete fills in defaults and reports the first fault.
func (o *Options) complete() (target, error) {
	var t target
	u, err := url.Parse(o.URL)
	if err != nil {
		return t, err
	}
	if t.addr, err = netip.ParseAddrPort(u.Host); err != nil || !t.addr.Addr().Is4() {
		return t, fmt.Errorf("url %q: the host must be an IPv4 address and a port", o.URL)
	}
	t.host, t.path = u.Host, u.RequestURI()
	if o.Host != "" {
		t.host = o.Host
	}
	for _, d := range []struct {
		at    *int
		value int
	}{{&o.Depth, 1}, {&o.Size, 125}, {&o.Burst, 1}} {
		if *d.at == 0 {
			*d.at = d.value
		}
	}
	if o.Duration == 0 {
		o.Duration = 5 * time.Second
	}
	if o.Publish == "" {
		o.Publish = "ws"
	}
	if o.Kind == "" {
		o.Kind = "ws"
	}
	switch {
	case o.Conns < 1 || o.Conns+o.Extra > maxConns:
		return t, fmt.Errorf("conns %d and extra %d: want 1 to %d in all", o.Conns, o.Extra, maxConns)
	case o.Size < tagBytes:
		return t, fmt.Errorf("size %d: a message needs %d bytes for its tag", o.Size, tagBytes)
	case o.Depth < 1 || o.Burst < 1 || o.Rate < 0 || o.Extra < 0 || o.Churn < 0:
		return t, fmt.Errorf("depth %d, burst %d, rate %d, extra %d, churn %d: out of range", o.Depth, o.Burst, o.Rate, o.Extra, o.Churn)
	}
	return t, nil
}
