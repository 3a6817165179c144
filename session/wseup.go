package session

import (
	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/origin"
	"github.com/kzfast/kzfast/wsproto/wse"
)

// An upload is an upstream request whose content is served as it arrives
// (spec/protocol.md §6.4). The worker reuses it.
type upload struct {
	s    *emulated // nil once the session has ended under it
	x    *exchange
	dec  wse.Decoder
	opts wse.Options
	body body
	manner
	owned bool // manner owns its bytes
}

var errUpstream = &wsproto.StatusError{Status: 400, Reason: "Bad Request"}

// upstream begins an upstream request whose head is p[:n].
func (x *exchange) upstream(c *call, p []byte, n int) int {
	switch x.judge(c) {
	case origin.Refuse:
		c.close = true
		return x.forbid(c, n)
	case origin.Preflight:
		c.close = c.close || c.r.HasBody()
		return x.preflight(c, n)
	}
	s, err := x.w.sessionOf(c)
	if err == nil {
		err = s.startUpstream(c)
	}
	if err != nil {
		c.close = c.close || c.r.HasBody()
		return x.refuseWSE(&c.manner, err, n)
	}
	u := x.begin(s, c, bodyOf(c.r))
	if s.is(modePaused) {
		x.keepBytes(p[n:])
		u.outlive()
		x.stall()
		return -1
	}
	if n == len(p) {
		x.proceed(c.r)
	}
	next := x.receive(p[n:])
	if next < 0 {
		return -1
	}
	return n + next
}

// enveloped serves an upstream request that came in an envelope.
func (x *exchange) enveloped(c *call, next int) int {
	s, err := x.w.sessionOf(c)
	if err == nil {
		err = s.startUpstream(c)
	}
	if err != nil {
		return x.refuseWSE(&c.manner, err, next)
	}
	x.begin(s, c, body{left: int64(len(c.body))})
	if x.receive(c.body) < 0 {
		return -1
	}
	return next
}

// sessionOf finds the session of a data URL.
func (w *Worker) sessionOf(c *call) (*emulated, error) {
	s := w.emulated[c.wse.ID]
	if s == nil || s.enc != c.wse.Encoding || s.route.Name != c.route.Name {
		return nil, wse.ErrGone
	}
	return s, nil
}

// startUpstream judges an upstream request; a bad one ends the session.
func (s *emulated) startUpstream(c *call) error {
	err := s.number(c, &s.upSeq)
	switch {
	case err != nil:
	case string(c.method) != "POST":
		err = wse.MethodError(c.method)
	case s.up != nil, s.is(modePeerClosed):
		err = errUpstream
	}
	if err != nil {
		s.reset()
	}
	return err
}

// number checks the sequence number of a request.
func (s *emulated) number(c *call, q *wse.Sequence) error {
	n, present, err := wse.RequestSequence(c.header("X-Sequence-No"), &c.params)
	if err != nil {
		return err
	}
	return q.Advance(n, present)
}

// begin starts to read the content of an upstream request.
func (x *exchange) begin(s *emulated, c *call, b body) *upload {
	w := x.w
	var u *upload
	if n := len(w.uploads); n > 0 {
		u, w.uploads = w.uploads[n-1], w.uploads[:n-1]
	} else {
		u = new(upload)
	}
	u.s, u.x, u.body, u.manner = s, x, b, c.manner
	u.opts = wse.Options{Layers: s.enc.Upstream(c.contentType()), MaxMessage: maxMessage(c.route), Ping: s.is(modePing)}
	s.up, x.up = u, u
	return u
}

func maxMessage(r *Route) int64 {
	switch n := r.Options.Limits.MaxMessage; {
	case n < 0:
		return 0
	case n == 0:
		return wsproto.DefaultMaxMessage
	default:
		return n
	}
}

// receive serves the content in p. It returns the offset behind the request,
// or -1 when more is to come or the connection ends.
func (x *exchange) receive(p []byte) int {
	u := x.up
	at := 0
	for !u.body.done() && at < len(p) {
		data, n, err := u.body.next(p[at:])
		at += n
		if err == nil && len(data) > 0 {
			err = u.decode(data)
		}
		if err != nil {
			return x.breakUpload(err)
		}
	}
	if !u.body.done() {
		u.outlive()
		x.release()
		if u.s != nil && u.s.is(modePaused) {
			x.stall()
		} else {
			x.t.SetTimeout(contentTimeout)
		}
		return -1
	}
	err := u.dec.End()
	if err == nil && u.s == nil {
		err = errUpstream
	}
	if err != nil {
		return x.breakUpload(err)
	}
	m := u.manner
	x.w.speakFor(u.s.route)
	x.endUpload()
	wse.Accepted(x.w.signed(&x.w.res))
	return x.respond(&m, at)
}

// decode delivers the messages in p.
func (u *upload) decode(p []byte) error {
	var f wse.Frame
	for {
		if u.s == nil {
			return errUpstream
		}
		f = wse.Frame{}
		held := u.dec.Held()
		n, ok, err := u.dec.Next(p, &u.opts, &f)
		switch {
		case err != nil:
			return err
		case u.s.chatters(p[:n], &f, u.dec.Held()-held, u.opts.Layers):
			return errChatter
		case !ok:
			return nil
		}
		p = p[n:]
		u.s.frame(&f)
	}
}

// frame handles one frame from the client.
func (s *emulated) frame(f *wse.Frame) {
	switch f.Op {
	case wse.OpPing:
		s.w.out = wse.AppendPong(s.w.out[:0], s.enc)
		if s.state == stateOpen && !s.Over() {
			s.write(s.w.out)
		}
	case wse.OpPong:
		s.set(modePinged, false)
	case wse.OpClose:
		s.peerClosed()
	case wse.OpText, wse.OpBinary:
		if s.state != stateOpen {
			return
		}
		op := wsproto.OpBinary
		if f.Op == wse.OpText {
			op = wsproto.OpText
		}
		m := &s.w.frame
		*m = wsproto.Frame{Op: op, Fin: true, Len: int64(len(f.Data)), Data: f.Data}
		s.recv.Frame(s, m)
	}
}

// breakUpload refuses the request under way, which ends its session and its
// connection.
func (x *exchange) breakUpload(err error) int {
	u := x.up
	m := u.manner
	m.close = true
	s := u.s
	x.endUpload()
	if s != nil {
		s.reset()
	}
	return x.refuseWSE(&m, err, 0)
}

// endUpload lets go of the upload.
func (x *exchange) endUpload() {
	u := x.up
	x.up = nil
	if s := u.s; s != nil {
		s.up = nil
		if s.is(modePaused) {
			x.t.Resume()
		}
	}
	u.dec.Reset()
	buffer := u.dec.TakeBuffer()
	if cap(buffer) > maxHeld {
		buffer = nil
	}
	*u = upload{}
	u.dec.SetBuffer(buffer)
	if len(x.w.uploads) < maxIdleUploads {
		x.w.uploads = append(x.w.uploads, u)
	}
}

const maxIdleUploads = 64

// uploading handles what arrives while an upload is under way.
func (x *exchange) uploading(p []byte) {
	if x.held != nil {
		x.held.B = append(x.held.B, p...)
		p = x.held.B
	}
	if s := x.up.s; s != nil && s.is(modePaused) {
		x.keepBytes(p)
		x.stall()
		return
	}
	if next := x.receive(p); next >= 0 {
		x.requests(p[next:], 0)
	}
}

// outlive makes the answer independent of the bytes the request stands in.
func (u *upload) outlive() {
	if !u.owned {
		u.manner.own()
		u.owned = true
	}
}

// stall stops reading an upload for a service that takes no more. However
// long it takes, that is not the client's fault.
func (x *exchange) stall() {
	x.t.Pause()
	x.t.SetTimeout(0)
}

// unpause goes on with an upload whose session may be delivered to again.
func (x *exchange) unpause() {
	x.t.Resume()
	x.t.SetTimeout(contentTimeout)
	if x.held == nil {
		return
	}
	gen := x.gen
	x.w.Loop.Post(func() {
		if x.gen == gen && x.up != nil && x.held != nil {
			x.uploading(nil)
		}
	})
}
