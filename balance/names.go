package balance

// A rivalry is two members with one name, the smaller id first.
type rivalry struct{ one, other, name string }

// maxRivals bounds what is remembered as said.
const maxRivals = 4096

// rename gives every member the name affinity knows it by: the configured one
// or, when another member has that name or id too, its own id. Every member of
// the cluster comes to the same names, from the same adverts. Members whose
// name changes get new targets. Held lock: mu.
func (d *Directory) rename() {
	first := make(map[string]string, len(d.order)) // a member by configured name
	shared := make(map[string]bool)
	for _, id := range d.order {
		name := d.members[id].configured()
		if rival, taken := first[name]; taken {
			shared[name] = true
			d.oppose(rival, id, name)
			continue
		}
		first[name] = id
		if name != id && d.members[name] != nil {
			shared[name] = true
			d.oppose(id, name, name)
		}
	}
	for _, id := range d.order {
		m := d.members[id]
		name := m.configured()
		if shared[name] {
			name = id
		}
		if name == m.name {
			continue
		}
		m.name = name
		if m.advert != nil {
			d.offer(m)
		}
	}
}

func (m *member) configured() string {
	if m.advert == nil || m.advert.Name == "" {
		return m.id
	}
	return m.advert.Name
}

// oppose says once that two members have one name (reliability.md F07).
func (d *Directory) oppose(one, other, name string) {
	r := rivalry{min(one, other), max(one, other), name}
	if d.rivals[r] || len(d.rivals) >= maxRivals {
		return
	}
	d.rivals[r] = true
	d.o.Logger.Error("member name taken twice", "component", "balance", "name", name, "member", r.one, "other", r.other,
		"hint", "give each member a kz:name of its own; until then affinity cookies of these members do not outlive a change of their address")
}
