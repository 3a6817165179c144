package gateway

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// A nameCache answers host names on event loops, which must not wait: get
// returns what is known and starts a lookup for what is not or is old.
type nameCache struct {
	mu      sync.Mutex
	byHost  map[string]*name
	lookups sync.WaitGroup
}

type name struct {
	addrs   []netip.Addr
	next    int
	until   time.Time
	pending bool
	first   chan struct{} // closed when the first lookup has ended
}

// nameTTL is how long an address is used before it is looked up again;
// nameRetry is the pause after a failed lookup.
const (
	nameTTL   = 30 * time.Second
	nameRetry = 2 * time.Second
)

// maxNames bounds the cache; beyond it nothing new is remembered.
const maxNames = 4096

// get gives the next address of host, in turn when there are several.
func (c *nameCache) get(host string) (netip.Addr, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.ask(host)
	if n == nil || len(n.addrs) == 0 {
		return netip.Addr{}, false
	}
	n.next = (n.next + 1) % len(n.addrs)
	return n.addrs[n.next], true
}

// all gives every known address of host. The caller must not change them.
func (c *nameCache) all(host string) []netip.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := c.ask(host); n != nil {
		return n.addrs
	}
	return nil
}

// prime looks a host up and waits for the answer, so that the first client
// finds it. It may block for lookupTimeout.
func (c *nameCache) prime(host string) {
	c.mu.Lock()
	n := c.ask(host)
	c.mu.Unlock()
	if n != nil {
		<-n.first
	}
}

// ask finds what is known of host and has it looked up when that is old. Held
// lock: mu.
func (c *nameCache) ask(host string) *name {
	n := c.byHost[host]
	if n == nil {
		if len(c.byHost) >= maxNames {
			return nil
		}
		if c.byHost == nil {
			c.byHost = make(map[string]*name)
		}
		n = &name{first: make(chan struct{})}
		c.byHost[host] = n
	}
	if !n.pending && time.Now().After(n.until) {
		n.pending = true
		c.lookups.Go(func() { c.lookup(host, n) })
	}
	return n
}

const lookupTimeout = 5 * time.Second

// lookup is the goroutine of one lookup.
func (c *nameCache) lookup(host string, n *name) {
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	addrs := inOrder(found)
	c.mu.Lock()
	defer c.mu.Unlock()
	n.pending = false
	n.until = time.Now().Add(nameRetry)
	if err == nil && len(addrs) > 0 {
		n.addrs, n.until = addrs, time.Now().Add(nameTTL)
	}
	select {
	case <-n.first:
	default:
		close(n.first)
	}
}

// inOrder puts IPv4 addresses first and leaves out repetitions (spec/config.md
// §5.3).
func inOrder(found []netip.Addr) []netip.Addr {
	var list []netip.Addr
	for _, v4 := range []bool{true, false} {
		for _, a := range found {
			if a = a.Unmap(); a.Is4() == v4 && !slices.Contains(list, a) {
				list = append(list, a)
			}
		}
	}
	return list
}

func (c *nameCache) wait() { c.lookups.Wait() }
