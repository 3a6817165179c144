package conf

import "fmt"

// translate is phase C: what older namespaces meant, as rules on the tree. It
// never changes the file (§2.3).
func (l *loader) translate() {
	if !l.ns.is2012() {
		return
	}
	for i, s := range l.root.all("service") {
		l.translateService(i, s)
	}
}

func (l *loader) translateService(i int, s *node) {
	if t := s.one("type"); t != nil {
		if name, ok := renamedTypes[collapse(rawText(t))]; ok {
			l.warnf(t.pos, "KZ-9", "type %q is called %q since 4.0; rename it", collapse(rawText(t)), name)
			t.pieces = []piece{{text: name, pos: t.pos}}
		}
	}
	for _, c := range s.children {
		if c.name == "auth-constraint" {
			l.warnf(c.pos, "M-14", "<auth-constraint> is called <authorization-constraint> since 4.0; rename it")
		}
	}
	if l.ns.optionalName() && s.one("name") == nil {
		name := fmt.Sprintf("%s-%d", collapse(rawText(s.one("type"))), i+1)
		l.warnf(s.pos, "KZ-9", "the service has no name and is called %q; name it", shown(name))
		n := &node{space: s.space, name: "name", pos: s.pos, parent: s, implied: true}
		n.pieces = []piece{{text: name, pos: s.pos}}
		s.children = append([]*node{n}, s.children...)
	}
}
