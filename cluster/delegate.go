package cluster

import (
	"bytes"
	"net/netip"
	"time"

	"github.com/hashicorp/memberlist"
)

// A delegate is what memberlist calls. Most calls come with its lock held:
// they copy, queue and return.
type delegate struct{ c *Cluster }

// NodeMeta gives our metadata.
func (d delegate) NodeMeta(int) []byte {
	_, m, _ := d.c.reg.current()
	return m.append(make([]byte, 0, metaFixed+1+maxProduct))
}

// NotifyMsg takes a user message.
func (d delegate) NotifyMsg(b []byte) {
	if len(b) > maxRecord+1 {
		d.c.refused.Add(1)
		return
	}
	m, err := parseMessage(bytes.Clone(b))
	if err != nil {
		d.c.refuse("message", err)
		return
	}
	d.c.take(m, len(b))
}

// GetBroadcasts gives nothing: records travel over TCP.
func (d delegate) GetBroadcasts(int, int) [][]byte { return nil }

// LocalState is our half of a push/pull exchange.
func (d delegate) LocalState(join bool) []byte { return d.c.reg.state(join) }

// MergeRemoteState takes the other half. memberlist has reported the members
// in it before.
func (d delegate) MergeRemoteState(b []byte, _ bool) {
	defer d.c.box.put(d.c.introduced)
	if len(b) > maxStreamBytes {
		d.c.refused.Add(1)
		return
	}
	rest := bytes.Clone(b)
	for len(rest) > 0 {
		msg, next, ok := cutState(rest)
		if !ok {
			d.c.refuse("state", errMessage)
			return
		}
		rest = next
		m, err := parseMessage(msg)
		if err != nil {
			d.c.refuse("state", err)
			continue
		}
		d.c.take(m, len(msg))
	}
}

// NotifyAlive refuses claims that cannot be a member's: a name that is not its
// address, metadata we cannot read, a life that another one has replaced.
func (d delegate) NotifyAlive(n *memberlist.Node) error {
	m, err := parseMeta(n.Meta)
	if err != nil {
		d.c.refuse("alive", err)
		return err
	}
	if n.Name == d.c.name {
		if m.instance != d.c.self.Instance {
			d.c.box.put(func() { d.c.outrank(m.instance, m.stamp) })
		}
		return nil
	}
	if err := d.c.reg.admit(n.Name, addrOf(n), m); err != nil {
		d.c.refuse("alive", err)
		return err
	}
	return nil
}

// NotifyJoin reports a member alive.
func (d delegate) NotifyJoin(n *memberlist.Node) { d.NotifyUpdate(n) }

// NotifyUpdate reports new metadata.
func (d delegate) NotifyUpdate(n *memberlist.Node) {
	if n.Name == d.c.name {
		return
	}
	m, err := parseMeta(n.Meta)
	if err != nil {
		return
	}
	name, addr := n.Name, addrOf(n)
	d.c.box.put(func() { d.c.confirm(name, addr, m) })
}

// NotifyLeave reports a member dead or left: memberlist does not say which.
func (d delegate) NotifyLeave(n *memberlist.Node) {
	if name := n.Name; name != d.c.name {
		d.c.box.put(func() { d.c.dispatch(d.c.reg.lost(name, time.Now())) })
	}
}

// NotifyConflict reports two addresses under one name. Names say their
// address and others are refused, so only a claim that got in before can
// bring this about.
func (d delegate) NotifyConflict(have, other *memberlist.Node) {
	name, theirs := have.Name, addrOf(other)
	d.c.box.put(func() {
		d.c.log.Error("member conflict", "member", idOf(name), "addr", theirs)
		d.c.dispatch([]Event{{Kind: Conflict, Member: Member{ID: idOf(name), Addr: theirs}}})
	})
}

func addrOf(n *memberlist.Node) netip.AddrPort {
	a, _ := netip.AddrFromSlice(n.Addr)
	return netip.AddrPortFrom(a.Unmap(), n.Port)
}
