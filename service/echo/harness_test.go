package echo

import (
	"net/netip"
	"testing"

	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto"
)

// A recorder is a Channel that records what a service does with it.
type recorder struct {
	out    []wsproto.Frame // with data of their own
	over   bool
	pauses int // calls of Pause less those of Resume
	keep   bool
}

func (r *recorder) SendFrame(f *wsproto.Frame) {
	if r.keep {
		g := *f
		g.Data = append([]byte{}, f.Data...)
		r.out = append(r.out, g)
	}
}
func (r *recorder) SendShared(*session.Shared) {}
func (r *recorder) Pending() int               { return 0 }
func (r *recorder) Over() bool                 { return r.over }
func (r *recorder) SetHighWater(int)           {}
func (r *recorder) Pause()                     { r.pauses++ }
func (r *recorder) Resume()                    { r.pauses-- }
func (r *recorder) Close(wsproto.Code, string) {}
func (r *recorder) Abort()                     {}
func (r *recorder) Worker() *session.Worker    { return nil }
func (r *recorder) RemoteAddr() netip.AddrPort { return netip.AddrPort{} }

// open begins a conversation with an echo service.
func open(t *testing.T, o Options) (*recorder, session.Receiver) {
	t.Helper()
	r := &recorder{keep: true}
	recv := New(o).Open(r, &session.Open{})
	if recv == nil {
		t.Fatal("Open refused the conversation")
	}
	return r, recv
}
