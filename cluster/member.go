package cluster

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// A Member is one life of one process at one address. It is a value; copies
// stay as they are.
type Member struct {
	ID       string         // "tcp://172.19.19.4:5942", as logs show it
	Addr     netip.AddrPort // advertised cluster address
	Instance uint64         // random per process start
	Epoch    uint64         // milliseconds since 1970 at process start, raised when a clock went back
	Started  time.Time      // Epoch as a time
	Product  string         // software version, at most 32 bytes
	Self     bool
}

// InstanceKey is the instance as 16 lower-case hex digits.
func (m Member) InstanceKey() string { return fmt.Sprintf("%016x", m.Instance) }

// sortMembers orders members the same way everywhere: oldest first.
func sortMembers(ms []Member) {
	slices.SortFunc(ms, func(a, b Member) int {
		return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), strings.Compare(a.ID, b.ID))
	})
}

// nameOf is the memberlist name of the member at addr.
func nameOf(addr netip.AddrPort) string { return addr.String() }

// idOf is the id that logs and tables show for a memberlist name.
func idOf(name string) string { return "tcp://" + name }

// parseName gives the address a name stands for, ok only when the name is
// written the one canonical way.
func parseName(name string) (addr netip.AddrPort, ok bool) {
	if len(name) > maxName {
		return addr, false
	}
	addr, err := netip.ParseAddrPort(name)
	if err != nil || addr.Addr().Zone() != "" || addr.Addr().Is4In6() || addr.Port() == 0 || addr.String() != name {
		return netip.AddrPort{}, false
	}
	return addr, true
}

// A Kind says what an [Event] reports.
type Kind uint8

const (
	// Online: a member was found alive. Its advert follows as Changed.
	Online Kind = 1 + iota
	// Gone: a member left or died; its advert counts no more. Left tells which.
	Gone
	// Changed: an online member's advert is Advert from now on. An empty one
	// was withdrawn.
	Changed
	// LinkDown: the connection to an online member broke or fell silent. It
	// may be dead, or paused; memberlist has not judged yet.
	LinkDown
	// LinkUp: the connection to an online member was made, or is heard again.
	// No link is not LinkDown: a member just online has neither.
	LinkUp
	// Conflict: two members claim one identity. Member is the claim in use.
	Conflict
	// Load: an online member's latest load sample, in Advert. Best effort.
	Load
)

var kindNames = [...]string{"?", "online", "gone", "changed", "link down", "link up", "conflict", "load"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[0]
}

// An Event is one change in the cluster as this member sees it. There are no
// events about the member itself, except Conflict.
type Event struct {
	Kind   Kind
	Member Member
	Advert []byte // Changed, Load: read-only, may be kept
	Left   bool   // Gone: it said so before

	// Members are the members after an Online or Gone event, as
	// [Cluster.Members] sorts them; nil for other kinds. Read-only.
	Members []Member
}
