//go:build darwin || dragonfly || freebsd || openbsd

package engine

import (
	"github.com/panjf2000/gnet/v2/pkg/netpoll"
	"github.com/panjf2000/gnet/v2/pkg/socket"
	"golang.org/x/sys/unix"
)

// hasEnded reports that an event tells of the peer's FIN.
func hasEnded(_ netpoll.IOEvent, fl netpoll.IOFlags) bool { return fl&unix.EV_EOF != 0 }

// setInterest brings the filters in line with what c wants, except that a read
// filter stays once it is there: gnet's poller cannot drop one. Events on a paused
// conn are ignored until Resume.
func (l *Loop) setInterest(c *Conn, want flags) error {
	have := c.flags & (flagReadOn | flagWriteOn)
	l.attachment.FD = int(c.fd)
	pa, p := &l.attachment, l.poller
	var err error
	if want&flagReadOn != 0 && have&flagReadOn == 0 {
		err = p.AddRead(pa, edgeTriggered)
		have |= flagReadOn
	}
	if err == nil && want&flagWriteOn != have&flagWriteOn {
		if want&flagWriteOn != 0 {
			err = p.AddWrite(pa, edgeTriggered)
		} else {
			err = p.ModRead(pa, edgeTriggered)
		}
	}
	if c.flags&flagReread != 0 {
		l.readLater(c)
	}
	c.flags = c.flags&^(flagReadOn|flagWriteOn|flagReread) | have&flagReadOn | want&flagWriteOn
	return err
}

// forget takes c out of the poller. Filters vanish only with their fd, so c goes on
// under a new one.
func (l *Loop) forget(c *Conn) error {
	fd, err := socket.Dup(int(c.fd))
	if err != nil {
		return err
	}
	sysClose(int(c.fd))
	c.fd = int32(fd)
	c.flags &^= flagReadOn | flagWriteOn
	return nil
}

// watchListener and unwatchListener turn accept events on and off; here an event
// on a listener that is switched off is ignored, and switching on reports it anew.
func (l *Loop) watchListener(fd int) error {
	return l.poller.AddRead(&netpoll.PollAttachment{FD: fd}, edgeTriggered)
}

func (l *Loop) unwatchListener(int) {}
