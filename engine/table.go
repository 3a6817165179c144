//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import "sync/atomic"

const (
	pageBits = 12
	pageSize = 1 << pageBits
)

// A table finds the conn that owns an fd. It is shared by all loops, 8 bytes per
// fd in pages made on demand; an entry is written by the loop that owns the conn.
type table struct {
	pages []atomic.Pointer[page]
}

type page [pageSize]atomic.Pointer[Conn]

func newTable(files uint64) *table {
	n := min(files, 1<<30)>>pageBits + 1
	return &table{pages: make([]atomic.Pointer[page], n)}
}

// get answers the conn at fd, nil when there is none.
func (t *table) get(fd int) *Conn {
	i := uint(fd) >> pageBits
	if i >= uint(len(t.pages)) {
		return nil
	}
	p := t.pages[i].Load()
	if p == nil {
		return nil
	}
	return p[fd&(pageSize-1)].Load()
}

// put sets the conn at fd; false means that fd is beyond the limit the table was
// made for.
func (t *table) put(fd int, c *Conn) bool {
	i := uint(fd) >> pageBits
	if i >= uint(len(t.pages)) {
		return false
	}
	p := t.pages[i].Load()
	if p == nil {
		t.pages[i].CompareAndSwap(nil, new(page))
		p = t.pages[i].Load()
	}
	p[fd&(pageSize-1)].Store(c)
	return true
}

func (t *table) clear(fd int) { t.put(fd, nil) }

// each calls fn for every conn of loop l.
func (t *table) each(l *Loop, fn func(*Conn)) {
	for i := range t.pages {
		p := t.pages[i].Load()
		if p == nil {
			continue
		}
		for j := range p {
			if c := p[j].Load(); c != nil && c.loop.Load() == l {
				fn(c)
			}
		}
	}
}
