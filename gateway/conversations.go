package gateway

import (
	"time"

	"github.com/kzfast/kzfast/conf"
	"github.com/kzfast/kzfast/service/proxy"
	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto"
)

// A governed service is one whose conversations end with their login (realm's
// session-timeout), whatever they are carried by.
type governed struct {
	session.Service
	life time.Duration
}

// govern bounds s's conversations when the realm says so.
func govern(s session.Service, c *conf.Service) session.Service {
	if s == nil || !c.Protected || c.Realm.SessionTimeout == 0 {
		return s
	}
	return &governed{s, c.Realm.SessionTimeout}
}

// limited is a rate in bytes per second, 0 for none: 2³²-1 and above is no
// limit (spec/config.md §4).
func limited(rate int64) int64 {
	if rate >= 1<<32-1 {
		return 0
	}
	return rate
}

// Open implements [session.Service].
func (s *governed) Open(ch session.Channel, o *session.Open) session.Receiver {
	if o.Principal == "" {
		return s.Service.Open(ch, o)
	}
	recv := s.Service.Open(ch, o)
	if recv == nil {
		return nil
	}
	stop := ch.Worker().Loop.After(s.life, func() { ch.Close(wsproto.CodeNormal, "") })
	return &mortal{recv, stop}
}

// A mortal conversation has a timer that ends it.
type mortal struct {
	session.Receiver
	stop func()
}

// Closed implements [session.Receiver].
func (m *mortal) Closed(ch session.Channel, code wsproto.Code, reason []byte) {
	m.stop()
	m.Receiver.Closed(ch, code, reason)
}

// A roster counts and lists the conversations of a raw accept, which are no
// sessions of a worker, so that they can be closed in order. Each loop's list
// is touched on that loop only.
type roster struct {
	session.Service
	route *session.Route
	loops [][]*listed
}

type listed struct {
	session.Receiver
	r     *roster
	ch    session.Channel
	index int
	// closing conversations were told to end, ended ones have.
	closing, ended bool
}

func newRoster(route *session.Route) *roster {
	return &roster{Service: route.Service, route: route, loops: make([][]*listed, proxy.MaxLoops)}
}

// Open implements [session.Service].
func (r *roster) Open(ch session.Channel, o *session.Open) session.Receiver {
	recv := r.Service.Open(ch, o)
	if recv == nil {
		return nil
	}
	list := &r.loops[ch.Worker().Index]
	l := &listed{Receiver: recv, r: r, ch: ch, index: len(*list)}
	*list = append(*list, l)
	r.route.Sessions.Add(1)
	return l
}

// Closed implements [session.Receiver].
func (l *listed) Closed(ch session.Channel, code wsproto.Code, reason []byte) {
	if !l.ended {
		l.ended = true
		list := l.r.loops[ch.Worker().Index]
		last := len(list) - 1
		list[l.index] = list[last]
		list[l.index].index = l.index
		list[last] = nil
		l.r.loops[ch.Worker().Index] = list[:last]
		l.r.route.Sessions.Add(-1)
	}
	l.Receiver.Closed(ch, code, reason)
}

// closeSome closes up to n conversations of a loop, on that loop.
func (r *roster) closeSome(loop, n int, code wsproto.Code) {
	list := r.loops[loop]
	for i := len(list) - 1; i >= 0 && n > 0; i-- {
		if l := list[i]; !l.closing {
			n--
			l.closing = true
			l.ch.Close(code, "")
		}
	}
}
