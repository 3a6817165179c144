package cluster

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/hashicorp/memberlist"
)

const (
	loopTick     = 250 * time.Millisecond
	expireEvery  = time.Minute
	maxOutranks  = 3                      // per minute; more means that another process lives under our name
	updateBudget = 100 * time.Millisecond // between metadata broadcasts, at least
)

// loop is the one goroutine that changes membership.
func (c *Cluster) loop() {
	defer c.wg.Done()
	tick := time.NewTicker(loopTick)
	defer tick.Stop()
	expired := time.Now()
	for {
		select {
		case <-c.done:
			return
		case <-c.box.signal:
			for _, j := range c.box.take() {
				j.run()
			}
		case now := <-tick.C:
			c.pub.kick()
			c.ask(c.reg.wants(now))
			if now.Sub(expired) > expireEvery {
				expired = now
				c.reg.expire(now)
			}
		}
	}
}

// confirm takes memberlist's word that a member is alive. A restart is the end
// of one life and the beginning of another.
func (c *Cluster) confirm(name string, addr netip.AddrPort, m meta) {
	for {
		events, again := c.reg.confirm(name, addr, m, time.Now())
		c.dispatch(events)
		if !again {
			break
		}
	}
	c.publishMembers()
}

// dispatch lets each part learn of events before the owner does.
func (c *Cluster) dispatch(events []Event) {
	for _, e := range events {
		name := nameOf(e.Member.Addr)
		switch e.Kind {
		case Online:
			c.heal.up(e.Member.Addr)
			c.links.add(name, e.Member.Instance)
			c.pub.add(name)
			e.Members = c.publishMembers()
			c.log.Debug("member joined", "member", e.Member.ID, "instance", e.Member.InstanceKey())
		case Gone:
			c.heal.down(e.Member.Addr, e.Left)
			c.links.remove(name)
			c.pub.remove(name)
			e.Members = c.publishMembers()
			c.log.Debug("member gone", "member", e.Member.ID, "instance", e.Member.InstanceKey(), "left", e.Left)
		case LinkUp, LinkDown:
			c.log.Debug("member link changed", "member", e.Member.ID, "up", e.Kind == LinkUp)
		}
		c.deliver.push(e)
	}
}

func (c *Cluster) publishMembers() []Member {
	ms := c.reg.members()
	c.members.Store(&ms)
	return ms
}

// take queues a message of another member for the loop.
func (c *Cluster) take(m message, size int) {
	if !c.box.offer(size, func() { c.handle(&m) }) {
		c.refused.Add(1)
	}
}

func (c *Cluster) handle(m *message) {
	switch m.typ {
	case msgRecord:
		if m.record.name == c.name {
			c.outrank(m.record.instance, m.record.stamp)
			return
		}
		events, stranger := c.reg.put(m.record, time.Now())
		c.dispatch(events)
		// Gossip may miss one of many members that start together; its record
		// says where it is, long before the next push/pull does.
		if a, ok := parseName(m.record.name); ok && stranger && m.record.state == stateUp {
			c.heal.hear(a)
		}
	case msgWant:
		c.answer(m.from, m.name, m.stamp)
	case msgDigest:
		own, _, _ := c.reg.current()
		for _, k := range m.digest {
			if k.name == c.name && own.stamp.less(k.stamp) {
				c.outrank(0, k.stamp)
			}
		}
		for _, w := range c.reg.newer(m.digest) {
			c.request(m.from, w)
		}
	case msgLoad:
		c.dispatch(c.reg.sample(m))
	}
}

// outrank makes our record newer than what another life under our name left
// behind.
func (c *Cluster) outrank(other uint64, seen stamp) {
	if !c.reg.outrank(other, seen) {
		return
	}
	now := time.Now()
	if now.Sub(c.outranked) > time.Minute {
		c.outranked, c.outranks = now, 0
	}
	if c.outranks++; c.outranks == maxOutranks+1 {
		c.log.Error("member conflict: another process keeps claiming this member's identity", "member", c.self.ID, "instance", other)
		_, _, self := c.reg.current()
		c.dispatch([]Event{{Kind: Conflict, Member: self}})
	}
	c.log.Info("own epoch raised above an earlier life's", "member", c.self.ID, "epoch", seen.epoch+1)
	c.publishMembers()
	c.changed()
}

// changed brings our record to the others.
func (c *Cluster) changed() {
	c.pub.kick()
	select {
	case c.remeta <- struct{}{}:
	default:
	}
}

// updateMeta lets gossip carry our newest metadata. The call into memberlist
// blocks until a broadcast went out or its budget is over, hence a goroutine of
// its own; changes meanwhile go out together.
func (c *Cluster) updateMeta() {
	defer c.wg.Done()
	for {
		select {
		case <-c.done:
			return
		case <-c.remeta:
			// An error says only that the broadcast is still on its way.
			_ = c.ml.UpdateNode(updateBudget)
		}
	}
}

// ask requests records that gossip says exist: from their owner first, then
// from anybody.
func (c *Cluster) ask(ws []want) {
	for _, w := range ws {
		to := w.name
		if ms := *c.members.Load(); w.times >= 2 && w.times%2 == 0 && len(ms) > 1 {
			if other := nameOf(ms[rand.IntN(len(ms))].Addr); other != c.name {
				to = other
			}
		}
		c.request(to, w)
	}
}

func (c *Cluster) request(to string, w want) {
	if !c.isOnline(to) {
		return
	}
	msg := appendWant(nil, c.name, w.name, w.have)
	c.send.try(func() { c.sendTo(to, msg) })
}

// answer sends a record that a member asked for, one answer per member and
// record at a time.
func (c *Cluster) answer(to, name string, have stamp) {
	at := [2]string{to, name}
	if !c.isOnline(to) || c.reg.find(name, have) == nil {
		return
	}
	if _, busy := c.answering.LoadOrStore(at, true); busy {
		return
	}
	sent := c.send.try(func() {
		defer c.answering.Delete(at)
		if rec := c.reg.find(name, have); rec != nil {
			c.sendTo(to, appendRecord(nil, rec))
		}
	})
	if !sent {
		c.answering.Delete(at)
	}
}

func (c *Cluster) isOnline(name string) bool {
	for _, m := range *c.members.Load() {
		if !m.Self && nameOf(m.Addr) == name {
			return true
		}
	}
	return false
}

// sendTo sends a user message over TCP.
func (c *Cluster) sendTo(name string, msg []byte) error {
	n, ok := node(name)
	if !ok {
		return errRecord
	}
	return c.ml.SendReliable(n, msg)
}

// node makes what memberlist needs to reach a name.
func node(name string) (*memberlist.Node, bool) {
	a, ok := parseName(name)
	if !ok {
		return nil, false
	}
	return &memberlist.Node{Name: name, Addr: a.Addr().AsSlice(), Port: a.Port()}, true
}

// refuse counts something malformed and says so once a minute.
func (c *Cluster) refuse(what string, err error) {
	c.refused.Add(1)
	if c.told.first("refused "+what, time.Now()) {
		c.log.Warn("gossip refused", "part", what, "err", clip(err.Error(), 300))
	}
}

// join is how the healer tries an address.
func (c *Cluster) join(addr netip.AddrPort) error {
	if c.leaving.Load() {
		return context.Canceled
	}
	_, err := c.ml.Join([]string{nameOf(addr) + "/" + nameOf(addr)})
	if err == nil || c.leaving.Load() {
		return err
	}
	text, refused := explain(err)
	level := c.log.Info
	if refused {
		level = c.log.Warn
	}
	if c.told.first("join "+nameOf(addr), time.Now()) {
		level("member not joined", "addr", addr, "reason", text)
	}
	return err
}
