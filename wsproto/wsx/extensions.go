package wsx

import (
	"bytes"
	"strconv"
	"time"

	"github.com/kzfast/kzfast/wsproto"
)

// Extensions are what a service can do, or what a client was granted.
type Extensions struct {
	PingPong bool          // x-kaazing-ping-pong
	Idle     time.Duration // x-kaazing-idle-timeout; 0 = not configured, not granted
}

const (
	pingPongName = "x-kaazing-ping-pong"
	idleName     = "x-kaazing-idle-timeout"

	// controlDigits are the control bytes of the ping-pong extension in hex.
	controlDigits = "01010102"
)

// Grant adds to e what one offer header value asks for and config has. Order,
// parameters, duplicates and unknown names do not matter.
func (e *Extensions) Grant(config Extensions, offer []byte) {
	for len(offer) > 0 {
		var item []byte
		item, offer, _ = bytes.Cut(offer, []byte{','})
		name, _, _ := bytes.Cut(item, []byte{';'})
		switch string(bytes.Trim(name, " \t")) {
		case pingPongName:
			e.PingPong = config.PingPong
		case idleName:
			e.Idle = config.Idle
		}
	}
}

// ms is the timeout as the wire has it; less than a millisecond is none.
func (e Extensions) ms() int64 { return e.Idle.Milliseconds() }

// AppendIdle appends the granted idle-timeout, nothing when it is not granted;
// WSE answers carry it in X-WebSocket-Extensions.
func (e Extensions) AppendIdle(dst []byte) []byte {
	if e.ms() <= 0 {
		return dst
	}
	return strconv.AppendInt(append(dst, idleName+"; timeout="...), e.ms(), 10)
}

var (
	hExtensions = []byte("Sec-WebSocket-Extensions")
	vPingPong   = []byte(pingPongName + "; " + controlDigits)
)

// Fields appends one Sec-WebSocket-Extensions line per grant, idle-timeout
// first.
func (e Extensions) Fields(dst []wsproto.Field) []wsproto.Field {
	if e.ms() > 0 {
		dst = append(dst, wsproto.Field{Name: hExtensions, Value: e.AppendIdle(nil)})
	}
	if e.PingPong {
		dst = append(dst, wsproto.Field{Name: hExtensions, Value: vPingPong})
	}
	return dst
}

// ParseGrants reads the extension lines of a server's answer: the client's
// side. ok is false when a grant lacks its parameter, has another than ours or
// a timeout that is not positive: the client must fail the connection.
func ParseGrants(fields []wsproto.Field) (e Extensions, ok bool) {
	for _, f := range fields {
		if !isExtensions(f.Name) {
			continue
		}
		for rest := f.Value; len(rest) > 0; {
			var item []byte
			item, rest, _ = bytes.Cut(rest, []byte{','})
			name, param, _ := bytes.Cut(item, []byte{';'})
			param = bytes.TrimSpace(param)
			switch string(bytes.TrimSpace(name)) {
			case pingPongName:
				if string(param) != controlDigits {
					return e, false
				}
				e.PingPong = true
			case idleName:
				v, found := bytes.CutPrefix(param, []byte("timeout="))
				ms, err := strconv.ParseInt(string(v), 10, 32)
				if !found || err != nil || ms <= 0 {
					return e, false
				}
				e.Idle = time.Duration(ms) * time.Millisecond
			}
		}
	}
	return e, true
}
