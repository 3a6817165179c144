package session

import "github.com/kzfast/kzfast/wsproto"

// A reply collects the frames that a session sends while it handles one read,
// inside the read buffer itself: a server's frame header is at least four
// bytes shorter than the client's (it has no masking key), so a frame that is
// sent back fits where it came from.
//
//	read   [hdr|key|payload 1][hdr|key|payload 2]...
//	reply       [hdr|payload 1][hdr|payload 2]
//
// The first header moves up to its payload. Small payloads behind it move
// down, so that many answers leave in one write; a large one is not moved but
// starts a new write. There is one reply per worker.
type reply struct {
	ws         *WebSocket // whose read is being handled; nil between reads
	buf        []byte     // that read
	start, end int        // the collected bytes are buf[start:end]
	frame      *wsproto.Frame
	payload    int // where frame.Data lies in buf
	header     int // bytes of the frame's header directly before it
}

// largeMove is the payload size from which moving costs more than a second
// system call's share of the work.
const largeMove = 8 << 10

func (r *reply) begin(s *WebSocket, p []byte) {
	r.ws, r.buf, r.start, r.end, r.frame = s, p, 0, 0, nil
}

// at says that f, which ends at buf[end], is handled next.
func (r *reply) at(end, header int, f *wsproto.Frame) {
	r.frame, r.payload, r.header = f, end-len(f.Data), header
}

// detach says that the frame at hand does not lie in the buffer any more.
func (r *reply) detach() { r.frame = nil }

// put takes f into the reply; false means that it is not the frame at hand
// or does not fit, and must be sent by copy.
func (r *reply) put(s *WebSocket, f *wsproto.Frame) bool {
	if r.ws != s || r.frame != f || len(f.Data) == 0 || &f.Data[0] != &r.buf[r.payload] {
		return false
	}
	head := 0
	if f.Off == 0 {
		if head = wsproto.HeaderLen(f.Len); head > r.header {
			return false
		}
	}
	if r.end > r.start && len(f.Data) >= largeMove {
		r.flush()
	}
	at := r.payload
	if r.end > r.start {
		at = r.end + head
		copy(r.buf[at:], f.Data)
	} else {
		r.start = at - head
	}
	if head > 0 {
		wsproto.PutHeaderBefore(r.buf, at, f.Op, f.Fin, f.RSV1, f.Len)
	}
	r.end = at + len(f.Data)
	f.Data = r.buf[at:r.end]
	r.frame = nil
	return true
}

// flush sends what is collected. Everything else a session writes goes after.
func (r *reply) flush() {
	if r.end > r.start {
		p := r.buf[r.start:r.end]
		r.start, r.end = 0, 0
		r.ws.t.Send(p)
	}
}

// done sends what is collected and lets go of the read.
func (r *reply) done() {
	r.flush()
	r.ws, r.buf, r.frame = nil, nil, nil
}
