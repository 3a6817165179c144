package cluster

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"log"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/kzfast/kzfast/cluster/multicast"
)

// A Cluster is this process's membership. Its methods are safe for any
// goroutine.
type Cluster struct {
	// Set by Start, never written again.
	o       Options
	self    Member // as started; the registry has the current epoch
	name    string // memberlist name
	log     *slog.Logger
	reg     *registry
	box     *mailbox
	deliver *delivery
	send    *senders
	pub     *publisher
	links   *links
	heal    *healer
	mux     *mux
	ml      *memberlist.Memberlist
	keyring *memberlist.Keyring
	beacon  *multicast.Beacon
	bridge  *bridge

	linkKey   atomic.Pointer[[][]byte]
	members   atomic.Pointer[[]Member]
	refused   atomic.Uint64
	loadSeq   atomic.Uint64
	leaving   atomic.Bool
	answering sync.Map // [2]string{to, name} being answered
	told      onceAMinute

	// Owned by the loop.
	outranked time.Time
	outranks  int
	hasMet    bool

	state  sync.Mutex // orders Leave and Shutdown
	closed bool
	remeta chan struct{}
	met    chan struct{} // closed when the members that another one told of are known
	done   chan struct{}
	wg     sync.WaitGroup
}

// Start binds the cluster address and becomes a member. It waits for a first
// other member, no longer than Options.Settle and ctx allow, and never fails
// because nobody answers: only when an option is wrong or the address cannot
// be had, which the error names.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	seeds, err := o.complete()
	if err != nil {
		return nil, err
	}
	c := &Cluster{o: o, log: o.Logger, done: make(chan struct{}), remeta: make(chan struct{}, 1), met: make(chan struct{})}
	if err := c.setLinkKeys(o.Keys); err != nil {
		return nil, err
	}
	inner := o.Transport
	if inner == nil {
		s, err := listen(append([]netip.Addr{c.o.Bind.Addr()}, o.Extra...), c.o.Bind.Port(), o.Logger)
		if err != nil {
			return nil, err
		}
		inner = s
		err = c.o.settleAddress(s.port)
		if err != nil {
			s.Shutdown()
			return nil, err
		}
	} else if err := c.o.settleAddress(c.o.Bind.Port()); err != nil {
		return nil, err
	}
	c.build(seeds)
	if err := c.begin(inner); err != nil {
		return nil, err
	}
	c.settle(ctx)
	return c, nil
}

// build makes the parts that need no goroutine.
func (c *Cluster) build(seeds []seed) {
	o := &c.o
	instance := o.instance
	for instance == 0 {
		var b [8]byte
		rand.Read(b[:])
		instance = binary.BigEndian.Uint64(b[:])
	}
	epoch := uint64(max(1, o.now.UnixMilli()))
	c.name = nameOf(o.Advertise)
	c.self = Member{
		ID: idOf(c.name), Addr: o.Advertise, Instance: instance, Epoch: epoch,
		Started: time.UnixMilli(int64(epoch)), Product: o.Product, Self: true,
	}
	c.reg = newRegistry(c.self, meta{instance: instance, product: o.Product, port: o.Admin})
	c.box = newMailbox()
	c.deliver = newDelivery(o.Events)
	c.bridge = &bridge{log: o.Logger}
	c.publishMembers()

	c.links = newLinks(c.name, instance, &c.linkKey)
	c.links.log = o.Logger
	c.links.report = func(name string, instance uint64, up bool) {
		c.box.put(func() { c.dispatch(c.reg.report(name, instance, up)) })
	}
	c.heal = newHealer(seeds, o.resolver)
	c.heal.own, c.heal.join, c.heal.log, c.heal.told = o.own, c.join, o.Logger, &c.told
	c.pub = newPublisher()
	c.pub.self = func() *record { rec, _, _ := c.reg.current(); return rec }
	c.pub.send = c.sendTo
}

// begin starts memberlist and our goroutines over a bound transport.
func (c *Cluster) begin(inner memberlist.Transport) error {
	c.mux = newMux(inner, c.o.Advertise, c.links.accept)
	c.links.dial = c.mux.dial
	conf := c.o.Profile.config()
	d := delegate{c}
	conf.Name, conf.Label, conf.Transport = c.name, label(c.o.Name), c.mux
	conf.BindPort, conf.AdvertisePort = int(c.o.Advertise.Port()), int(c.o.Advertise.Port())
	conf.AdvertiseAddr = c.o.Advertise.Addr().String()
	conf.Delegate, conf.Events, conf.Alive, conf.Conflict = d, d, d, d
	conf.Logger = log.New(c.bridge, "", 0)
	if len(c.o.Keys) > 0 {
		ring, err := memberlist.NewKeyring(c.o.Keys, c.o.Keys[0])
		if err != nil {
			c.mux.Shutdown()
			return fmt.Errorf("cluster keys: %w", err)
		}
		conf.Keyring, c.keyring = ring, ring
	} else if !c.o.private() {
		c.log.Warn("member traffic is neither encrypted nor authenticated: no cluster key is configured", "addr", c.self.Addr)
	}
	ml, err := memberlist.Create(conf)
	if err != nil {
		c.mux.Shutdown()
		return fmt.Errorf("cluster accept %s: %w", c.self.ID, err)
	}
	c.ml = ml
	c.send = newSenders(c.done)
	c.pub.try = c.send.try
	c.wg.Add(3)
	go c.loop()
	go c.updateMeta()
	go func() { defer c.wg.Done(); c.deliver.run(c.done) }()
	c.heal.start()
	return c.announce()
}

// announce starts the multicast beacon when a group is configured.
func (c *Cluster) announce() error {
	if !c.o.Multicast.IsValid() {
		return nil
	}
	b, err := multicast.Start(multicast.Options{
		Group: c.o.Multicast, Interface: c.o.Interface, Local: c.o.Bind.Addr(), TTL: c.o.TTL,
		Cluster: c.o.Name, Keys: c.o.Keys, Encrypted: len(c.o.Keys) > 0,
		Self: c.self.Addr, Instance: c.self.Instance,
		Found:  func(p multicast.Peer) { c.heal.hear(p.Addr) },
		Left:   func(p multicast.Peer) { c.heal.bye(p.Addr) },
		Logger: c.o.Logger,
	})
	if err != nil {
		c.Shutdown()
		return err
	}
	c.beacon = b
	return nil
}

// settle waits until a first member answered or nobody can.
func (c *Cluster) settle(ctx context.Context) {
	wait := c.o.Settle
	if len(c.o.Seeds) == 0 {
		if c.beacon == nil {
			return
		}
		wait = min(wait, settleMulticast)
	}
	begun, limit := time.Now(), time.NewTimer(max(0, wait))
	defer limit.Stop()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		select {
		case <-c.heal.first:
			c.meetAll(ctx)
			return
		case <-ctx.Done():
			return
		case <-limit.C:
			return
		case <-poll.C:
			if c.heal.exhausted() && (c.beacon == nil || time.Since(begun) > settleMulticast) {
				return
			}
		}
	}
}

// introduction bounds the wait for the others a first member tells of.
const introduction = 200 * time.Millisecond

// meetAll waits until the first other member has told of all it knows, so that
// Start returns with those that were there before.
func (c *Cluster) meetAll(ctx context.Context) {
	limit := time.NewTimer(introduction)
	defer limit.Stop()
	select {
	case <-c.met:
	case <-ctx.Done():
	case <-limit.C:
	}
}

// introduced runs on the loop behind the changes of an exchange of states.
func (c *Cluster) introduced() {
	if !c.hasMet {
		c.hasMet = true
		close(c.met)
	}
}

// Self is this member.
func (c *Cluster) Self() Member {
	_, _, self := c.reg.current()
	return self
}

// Members lists the members alive, this one included, oldest first. The slice
// is shared: read-only.
func (c *Cluster) Members() []Member { return *c.members.Load() }

// Advertise makes payload, which is copied, this member's advert. It returns
// at once; others see it within milliseconds. The error says that payload is
// longer than [MaxAdvert] and the former advert stays.
func (c *Cluster) Advertise(payload []byte) error {
	if len(payload) > MaxAdvert {
		err := fmt.Errorf("advert of %d bytes, limit %d", len(payload), MaxAdvert)
		c.log.Error("advert refused", "err", err)
		return err
	}
	c.reg.advertise(payload)
	c.changed()
	return nil
}

// Load sends a load sample of at most 900 bytes, which is copied, to every
// member: best effort, over UDP, newest wins. Longer ones are dropped.
func (c *Cluster) Load(payload []byte) {
	if len(payload) > maxLoad {
		return
	}
	msg := appendLoad(nil, c.name, c.self.Instance, c.loadSeq.Add(1), payload)
	c.send.try(func() {
		for _, m := range c.Members() {
			if n, ok := node(nameOf(m.Addr)); ok && !m.Self {
				c.ml.SendBestEffort(n, msg)
			}
		}
	})
}

// SetSeeds replaces the seeds of a running member.
func (c *Cluster) SetSeeds(list []string) error {
	seeds, err := parseSeeds(list)
	if err != nil {
		return err
	}
	c.heal.setSeeds(seeds)
	return nil
}

// SetKeys replaces the keys of a running member that was started with some:
// the first one encrypts from now on, all decrypt. Rotation takes three steps
// on all members: add the new key behind the old, swap them, drop the old.
func (c *Cluster) SetKeys(keys [][]byte) error {
	if err := checkKeys(keys); err != nil {
		return err
	}
	if c.keyring == nil || len(keys) == 0 {
		return fmt.Errorf("cluster keys: encryption cannot be turned on or off while running")
	}
	c.state.Lock()
	defer c.state.Unlock()
	for _, k := range keys {
		if err := c.keyring.AddKey(k); err != nil {
			return err
		}
	}
	if err := c.keyring.UseKey(keys[0]); err != nil {
		return err
	}
	for _, old := range c.keyring.GetKeys() {
		if !contains(keys, old) {
			if err := c.keyring.RemoveKey(old); err != nil {
				return err
			}
		}
	}
	if c.beacon != nil {
		if err := c.beacon.SetKeys(keys); err != nil {
			return err
		}
	}
	return c.setLinkKeys(keys)
}

func contains(keys [][]byte, k []byte) bool {
	for _, x := range keys {
		if string(x) == string(k) {
			return true
		}
	}
	return false
}

func (c *Cluster) setLinkKeys(keys [][]byte) error {
	ks, err := linkKeys(c.o.Name, keys)
	if err != nil {
		return err
	}
	c.linkKey.Store(&ks)
	return nil
}
