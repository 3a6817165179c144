package balance

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// State is what a member says about itself. Only [Up] members receive clients.
type State uint8

// The states of a member, in the order of its life. A value above Leaving
// comes from a newer release and counts as not up.
const (
	Starting State = iota // not yet bound
	Up                    // takes clients
	Draining              // keeps its clients, takes no new ones
	Leaving               // last word before it is gone
)

// String returns the state in lower case, as logs and the command center show it.
func (s State) String() string {
	switch s {
	case Starting:
		return "starting"
	case Up:
		return "up"
	case Draining:
		return "draining"
	case Leaving:
		return "leaving"
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// An Advert is everything one member tells the others about its balanced
// services. It replaces the member's previous advert as a whole. The zero
// value is a starting member that offers nothing.
type Advert struct {
	State State
	// Name is the stable configured name of the member: affinity cookies are
	// bound to it, so it must survive a restart. Empty stands for the member id.
	Name string
	// Zone and Version (of the software) are shown, not used for choosing.
	Zone, Version string
	// Conns is the number of client connections the member holds now.
	Conns uint32
	// Capacity is the number of client connections it is meant to hold,
	// 0 when unknown. It scales Conns for [LeastConnections].
	Capacity uint32
	// Entries holds one element per balance URI and service.
	Entries []Entry
}

// An Entry offers one service under one balance URI.
type Entry struct {
	Balance string // canonical balance URI, equal to a balancer's accept URI
	Service string // configured name of the service
	Type    string // its type, such as "echo"
	// Targets are the service's accept URIs in canonical form.
	Targets []string
	// Weight is the share of clients under [Weighted]; 0 counts as 1.
	Weight uint16
	// Conns is the number of connections of this service, for display.
	Conns uint32
}

// Bounds of an advert (cluster-management.md §2.6 R8 for bytes and entries).
const (
	MaxAdvertBytes = 256<<10 - 256 // leaves room for the record around it
	MaxEntries     = 1024
	MaxTargets     = 64   // per entry
	MaxNameBytes   = 255  // names, zone, version, service, type
	MaxURIBytes    = 2048 // balance and target URIs
)

// Validate reports every bound the advert breaks. A member must not publish an
// advert that does not validate: peers refuse to decode it. [Advert.Fit] makes
// one that does.
func (a *Advert) Validate() error {
	var errs []error
	for _, f := range [...]struct{ what, text string }{{"name", a.Name}, {"zone", a.Zone}, {"version", a.Version}} {
		errs = append(errs, checkName(f.what, f.text))
	}
	if n := len(a.Entries); n > MaxEntries {
		errs = append(errs, fmt.Errorf("advert has %d entries, limit %d", n, MaxEntries))
	}
	for i := range a.Entries {
		errs = append(errs, a.Entries[i].validate())
	}
	if n := len(a.Append(nil)); n > MaxAdvertBytes {
		errs = append(errs, fmt.Errorf("advert of %d bytes, limit %d", n, MaxAdvertBytes))
	}
	return errors.Join(errs...)
}

func (e *Entry) validate() error {
	errs := []error{checkURI("balance", e.Balance), checkName("service", e.Service), checkName("type", e.Type)}
	if n := len(e.Targets); n > MaxTargets {
		errs = append(errs, fmt.Errorf("entry %q has %d targets, limit %d", e.Balance, n, MaxTargets))
	}
	for _, t := range e.Targets {
		errs = append(errs, checkURI("target", t))
	}
	return errors.Join(errs...)
}

func checkName(what, s string) error {
	if len(s) > MaxNameBytes {
		return fmt.Errorf("%s of %d bytes, limit %d", what, len(s), MaxNameBytes)
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Errorf("%s %s: control character or invalid UTF-8", what, quote(s))
	}
	return nil
}

// checkURI bounds what may be copied into a Location header: visible ASCII only.
func checkURI(what, s string) error {
	if len(s) == 0 || len(s) > MaxURIBytes {
		return fmt.Errorf("%s URI of %d bytes, limit 1 to %d", what, len(s), MaxURIBytes)
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return fmt.Errorf("%s URI %s: byte 0x%02x at %d is not visible ASCII", what, quote(s), s[i], i)
		}
	}
	return nil
}

// canonical returns the entries and their targets in the order of the wire
// form, targets without repetition. It does not change a.
func (a *Advert) canonical() []Entry {
	es := slices.Clone(a.Entries)
	for i := range es {
		ts := slices.Clone(es[i].Targets)
		slices.Sort(ts)
		es[i].Targets = slices.Compact(ts)
	}
	slices.SortFunc(es, compareEntries)
	return es
}

func compareEntries(a, b Entry) int {
	return cmp.Or(
		cmp.Compare(a.Balance, b.Balance),
		cmp.Compare(a.Service, b.Service),
		cmp.Compare(a.Type, b.Type),
		slices.Compare(a.Targets, b.Targets),
		cmp.Compare(a.Weight, b.Weight),
		cmp.Compare(a.Conns, b.Conns),
	)
}
