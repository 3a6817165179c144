package balance

import (
	"encoding/binary"
	"fmt"
)

// Fit makes a an advert that validates: it takes out what breaks a bound and
// keeps all else, so that one service that cannot be offered does not hide the
// others. It returns one error for each thing taken out, which names the
// service and says what to change. Of too many entries the first are kept.
// Entries and targets that are shared with others are not changed.
func (a *Advert) Fit() (faults []error) {
	if err := checkName("kz:name", a.Name); err != nil {
		a.Name = ""
		faults = append(faults, fmt.Errorf("%w: the member id takes its place, choose another kz:name", err))
	}
	for what, text := range map[string]*string{"zone": &a.Zone, "version": &a.Version} {
		if err := checkName(what, *text); err != nil {
			*text = ""
			faults = append(faults, fmt.Errorf("%w: left out", err))
		}
	}
	var kept []Entry
	for _, e := range a.Entries {
		left, out := e.fit()
		faults = append(faults, out...)
		if left != nil {
			kept = append(kept, *left)
		}
	}
	n := fitting(kept, MaxAdvertBytes-len((&Advert{
		State: a.State, Name: a.Name, Zone: a.Zone, Version: a.Version, Conns: a.Conns, Capacity: a.Capacity,
	}).Append(nil)))
	if n < len(kept) {
		faults = append(faults, fmt.Errorf(
			"%d of %d balanced services left out, from service %s under %s on: a member offers at most %d in %d bytes; remove some balance URIs or share them out among more members",
			len(kept)-n, len(kept), quote(kept[n].Service), quote(kept[n].Balance), MaxEntries, MaxAdvertBytes))
	}
	a.Entries = kept[:n:n]
	return faults
}

// fitting is how many of the first entries fit into so many bytes.
func fitting(es []Entry, room int) int {
	for i := range es {
		size := len(es[i].append(nil))
		room -= len(binary.AppendUvarint(nil, tagEntry)) + len(binary.AppendUvarint(nil, uint64(size))) + size
		if i == MaxEntries || room < 0 {
			return i
		}
	}
	return len(es)
}

// fit returns what of e can be offered, nil for nothing.
func (e Entry) fit() (_ *Entry, faults []error) {
	for what, text := range map[string]string{"name": e.Service, "type": e.Type} {
		if err := checkName(what, text); err != nil {
			return nil, []error{fmt.Errorf("service %s is not offered under %s: %w; choose another %s", quote(e.Service), quote(e.Balance), err, what)}
		}
	}
	if err := checkURI("balance", e.Balance); err != nil {
		return nil, []error{fmt.Errorf("service %s is not offered under a balance URI: %w; change its <balance>", quote(e.Service), err)}
	}
	var good []string
	for _, t := range e.Targets {
		if err := checkURI("target", t); err != nil {
			faults = append(faults, fmt.Errorf("service %s is not offered by one of its accepts under %s: %w; change its <accept>", quote(e.Service), quote(e.Balance), err))
			continue
		}
		good = append(good, t)
	}
	if len(good) == 0 && len(faults) > 0 {
		return nil, faults
	}
	if n := len(good); n > MaxTargets {
		good = good[:MaxTargets]
		faults = append(faults, fmt.Errorf("service %s is not offered by %d of its accepts under %s: others take %d; make two services of it", quote(e.Service), n-MaxTargets, quote(e.Balance), MaxTargets))
	}
	e.Targets = good
	return &e, faults
}

// quote quotes a text of the configuration that may be too long to show.
func quote(s string) string {
	const show = 80
	if len(s) > show {
		return fmt.Sprintf("%q…", s[:show])
	}
	return fmt.Sprintf("%q", s)
}
