package engine

import (
	"github.com/panjf2000/gnet/v2/pkg/netpoll"
	"golang.org/x/sys/unix"
)

// hasEnded reports that an event tells of the peer's FIN.
func hasEnded(ev netpoll.IOEvent, _ netpoll.IOFlags) bool { return ev&unix.EPOLLRDHUP != 0 }

// setInterest brings what the poller watches in line with what c wants; what is there
// already when a watch is added or changed is reported. The poller
// can add read, write or both and change to read or both, so write alone means
// starting anew; it is rare: a paused conn with a queue, or a connecting one.
func (l *Loop) setInterest(c *Conn, want flags) error {
	have := c.flags & (flagReadOn | flagWriteOn)
	if have == want && c.flags&flagReread == 0 {
		return nil
	}
	c.flags &^= flagReread
	l.attachment.FD = int(c.fd)
	pa, p := &l.attachment, l.poller
	var err error
	if have != 0 && (want == 0 || want == flagWriteOn) {
		err = p.Delete(int(c.fd))
		have = 0
	}
	switch {
	case err != nil || want == 0:
	case have == 0 && want == flagReadOn:
		err = p.AddRead(pa, edgeTriggered)
	case have == 0 && want == flagWriteOn:
		err = p.AddWrite(pa, edgeTriggered)
	case have == 0:
		err = p.AddReadWrite(pa, edgeTriggered)
	case want == flagReadOn:
		err = p.ModRead(pa, edgeTriggered)
	default:
		err = p.ModReadWrite(pa, edgeTriggered)
	}
	c.flags = c.flags&^(flagReadOn|flagWriteOn) | want
	return err
}

// forget takes c out of the poller, with its fd left open.
func (l *Loop) forget(c *Conn) error { return l.setInterest(c, 0) }

// watchListener and unwatchListener turn accept events on and off.
func (l *Loop) watchListener(fd int) error {
	return l.poller.AddRead(&netpoll.PollAttachment{FD: fd}, edgeTriggered)
}

func (l *Loop) unwatchListener(fd int) { _ = l.poller.Delete(fd) }
