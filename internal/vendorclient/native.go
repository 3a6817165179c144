package vendorclient

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// A native is an open WebSocket with the extensions of its handshake.
type native struct {
	s        *socket
	o        *Options
	conn     *Conn
	info     about
	pingPong bool
	idle     time.Duration // the server promised a frame that often; 0 nothing
	literal  bool          // the next text message is not control
	done     sync.WaitGroup

	quit     chan struct{} // closed by cut
	quitOnce sync.Once

	mu      sync.Mutex
	leaving bool // our Close frame is out: the deadline is that of the close
}

// start makes the connection the application's.
func (n *native) start() *Conn {
	n.quit = make(chan struct{})
	n.conn.link = n
	if n.o.Kind == Java {
		n.s.heard = n.deadline
	}
	n.done.Go(n.run)
	n.o.Trace("open " + n.info.url.String())
	return n.conn
}

// run is the reader's goroutine.
func (n *native) run() {
	defer n.s.conn.Close()
	for {
		n.deadline()
		m, err := n.s.read()
		if err == nil {
			var control bool
			if control, err = n.control(m); err == nil && !control && !n.conn.deliver(m, n.quit) {
				err = ErrClosed
			}
		}
		if err != nil {
			n.conn.ended(n.cause(err))
			return
		}
	}
}

// deadline holds the server to its promise. A browser shows no control frames
// to a script, so for JavaScript only messages count; the Java client counts
// every frame.
func (n *native) deadline() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.idle > 0 && !n.leaving {
		n.s.conn.SetReadDeadline(time.Now().Add(n.idle))
	}
}

func (n *native) cause(err error) error {
	var t net.Error
	if n.idle > 0 && errors.As(err, &t) && t.Timeout() {
		return fmt.Errorf("nothing received for the promised %s: %w", n.idle, err)
	}
	return err
}

// The ping-pong extension (spec/protocol.md §3.6).
var controlBytes = []byte{1, 1, 1, 2}

// control takes emulated control messages out.
func (n *native) control(m Message) (taken bool, err error) {
	if !n.pingPong || !m.Text {
		return false, nil
	}
	rest, ok := bytes.CutPrefix(m.Data, controlBytes)
	if n.literal {
		n.literal = false
		if !ok {
			return true, fmt.Errorf("escape before %.20q", m.Data)
		}
		return false, nil
	}
	if !ok {
		return false, nil
	}
	switch string(rest) {
	case "":
		n.literal = true
		return true, nil
	case "\x09\x00":
		n.o.Trace("emulated ping")
		return true, n.s.writeMessage(Message{Text: true, Data: append(bytes.Clone(controlBytes), 0x0A, 0)})
	case "\x0A\x00":
		n.o.Trace("emulated pong")
		return true, nil
	}
	return true, fmt.Errorf("control bytes followed by %.20q", rest)
}

func (n *native) send(m Message) error {
	if n.pingPong && m.Text && bytes.HasPrefix(m.Data, controlBytes) {
		if err := n.s.writeMessage(Message{Text: true, Data: controlBytes}); err != nil {
			return err
		}
	}
	return n.s.writeMessage(m)
}

func (n *native) closing(code int, reason string) error {
	var payload []byte
	if code != 0 {
		payload = append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.leaving = true
	n.s.writeClose(payload)
	n.s.conn.SetReadDeadline(time.Now().Add(n.o.Timers.Close))
	return nil
}

func (n *native) cut() {
	n.quitOnce.Do(func() { close(n.quit) })
	n.s.conn.Close()
}

func (n *native) wait() { n.done.Wait() }

func (n *native) about() *about { return &n.info }
