package conf

import (
	"slices"
	"strings"
)

// retiredBlocks stood at the top level of 3.x files (§2.4).
var retiredBlocks = []string{"management", "session", "network"}

// checkBlock holds the children of n against the rows of block (§2.1): known,
// in order, often enough, of the right type. Children that pass get their row.
func (l *loader) checkBlock(n *node, block string) {
	l.strayText(n)
	rows := registry[block]
	note, free := freeForm[block]
	first := make(map[string]*node)
	counts := make(map[string]int)
	highest, highTag := 0, ""
	for _, c := range n.children {
		e, rank := l.rowOf(rows, c)
		if e == nil {
			if free && !c.kz() {
				l.freeChild(n, c, note)
			} else {
				l.unknown(n, c, block, rows)
			}
			continue
		}
		c.entry = e
		if !unordered[block] && !c.kz() {
			if rank = l.choiceRank(block, rank); rank < highest {
				l.errorf(c.pos, "E-2", "%selement <%s> is out of place inside <%s>, it stands after <%s>; the order is: %s", l.inService(n), c.tag(), n.tag(), highTag, l.order(block, rows))
			} else {
				highest, highTag = rank, c.tag()
			}
		}
		name := canonicalTag(e)
		if counts[name]++; e.Max != Many && counts[name] > e.Max {
			l.tooMany(n, c, e, first[name])
			c.bad = true
			continue
		}
		if first[name] == nil {
			first[name] = c
		}
		l.checkChild(c, e)
	}
	for _, e := range rows {
		if e.Min > 0 && counts[canonicalTag(e)] < e.Min {
			l.missing(n, e)
		}
	}
}

// checkService is checkBlock for a service element, whose properties and
// counts depend on its type (§9.2).
func (l *loader) checkService(n *node) {
	l.checkBlock(n, "service")
	t := l.typeOf(n)
	if t == nil {
		return
	}
	counts := make(map[string]int)
	for _, c := range n.children {
		counts[c.tag()]++
		if c.tag() == "balance" && t.name == "balancer" {
			continue // H-6 says why
		}
		if allowed, listed := t.allows(c.tag()); listed && allowed == none {
			l.errorf(c.pos, "E-8", "%s: type %q does not allow <%s>; remove it", l.service(n), t.name, c.tag())
			c.bad = true
		}
	}
	for _, tag := range []string{"accept", "connect", "properties"} {
		allowed, _ := t.allows(tag)
		switch {
		case tag == "connect" && allowed.lo == 1 && counts[tag] != 1:
			l.errorf(n.pos, "E-3", "%s: type %q needs exactly one <connect>, found %d; correct it", l.service(n), t.name, counts[tag])
		case tag == "properties" && allowed.lo > counts[tag] && t.name == "directory":
			l.errorf(n.pos, "S-10", "%s: a directory service needs <properties> with a <directory>; add them", l.service(n))
		case tag == "properties" && allowed.lo > counts[tag]:
			l.errorf(n.pos, "S-11", "%s: a redirect needs <properties> with a <location>; add them", l.service(n))
		case allowed.lo > counts[tag]:
			l.errorf(n.pos, "E-3", "%s: type %q needs at least one <%s>; add it", l.service(n), t.name, tag)
		}
	}
	if p := n.one("properties"); p != nil && !p.bad && t.block != "" {
		l.checkBlock(p, t.block)
	}
}

// rowOf finds the row of an element among rows, honouring Until, and its rank.
func (l *loader) rowOf(rows []*Entry, c *node) (*Entry, int) {
	if !c.kz() && !strings.EqualFold(c.space, l.root.space) {
		return nil, 0
	}
	for i, e := range rows {
		if e.Name == c.tag() && (e.Until == 0 || l.ns <= e.Until) {
			return e, i
		}
	}
	return nil, 0
}

// choiceRank: below gateway-config everything but properties is one choice.
func (l *loader) choiceRank(block string, rank int) int {
	if block == "gateway-config" {
		return min(rank, 1)
	}
	return rank
}

func canonicalTag(e *Entry) string {
	if e.Alias != "" {
		return e.Alias
	}
	return e.Name
}

func (l *loader) names(rows []*Entry, kz bool) string {
	var out []string
	for _, e := range rows {
		if e.KZ() == kz && (e.Until == 0 || l.ns <= e.Until) && e.State != Refused {
			out = append(out, e.Name)
		}
	}
	return list(out)
}

func (l *loader) order(block string, rows []*Entry) string {
	if block == "gateway-config" {
		return "properties first, then any of " + l.names(rows[1:], false)
	}
	return l.names(rows, false)
}

func (l *loader) unknown(parent, c *node, block string, rows []*Entry) {
	rule := "E-1"
	if block == "http.proxy properties" {
		rule = "S-9"
	}
	switch known := l.names(rows, c.kz()); {
	case c.kz() && known == "":
		l.errorf(c.pos, rule, "%selement <%s> is not known inside <%s>, which takes none of ours; remove it", l.inService(parent), c.tag(), parent.tag())
	case c.kz():
		l.errorf(c.pos, rule, "%selement <%s> is not known inside <%s>; ours there are: %s", l.inService(parent), c.tag(), parent.tag(), known)
	case !strings.EqualFold(c.space, l.root.space):
		l.errorf(c.pos, rule, "%selement <%s> of namespace %q is not known inside <%s>; elements are of %q, ours of %q", l.inService(parent), c.name, shown(c.space), parent.tag(), l.root.space, KZNamespace)
	case entry(block, "kz:"+c.name) != nil:
		l.errorf(c.pos, rule, "%selement <%s> is not known inside <%s>; it is one of ours: write <kz:%s> with xmlns:kz=%q", l.inService(parent), c.tag(), parent.tag(), c.name, KZNamespace)
	case block == "gateway-config" && slices.Contains(retiredBlocks, c.name):
		l.errorf(c.pos, "M-16", "element <%s> was removed in 4.x; delete it, its settings have no successor", c.tag())
	case known == "":
		l.errorf(c.pos, rule, "%selement <%s> is not known inside <%s>, which takes no elements; remove it", l.inService(parent), c.tag(), parent.tag())
	default:
		l.errorf(c.pos, rule, "%selement <%s> is not known inside <%s>; expected one of: %s", l.inService(parent), c.tag(), parent.tag(), known)
	}
	c.bad = true
}

func (l *loader) freeChild(parent, c *node, note string) {
	if note != "" {
		l.warnf(c.pos, "KZ-5", "%s<%s> inside <%s> is ignored: %s", l.inService(parent), c.tag(), parent.tag(), note)
	}
}

func (l *loader) tooMany(parent, c *node, e *Entry, before *node) {
	switch {
	case e.many != "" && e.many[0] == 'E' && e.many != "E-3":
		l.errorf(c.pos, e.many, "only one %s element is allowed (first one at line %d); merge them", e.Name, before.pos.Line)
	case c.tag() != before.tag():
		l.errorf(c.pos, "E-3", "%s<%s> and <%s> inside <%s> are the same option (first one at line %d); keep one", l.inService(parent), before.tag(), c.tag(), parent.tag(), before.pos.Line)
	default:
		l.errorf(c.pos, "E-3", "%s<%s> may stand only once inside <%s> (first one at line %d); remove one", l.inService(parent), c.tag(), parent.tag(), before.pos.Line)
	}
}

func (l *loader) missing(parent *node, e *Entry) {
	switch {
	case e.Parent == "service" && e.Name == "type":
		l.errorf(parent.pos, "X-5", "%s has no <type>; add one of: %s", l.service(parent), knownTypes())
	case e.Parent == "service" && e.Name == "name" && l.ns.optionalName():
		// resolveName makes one up.
	case e.Parent == "directory properties" || e.Parent == "http.redirect properties":
		l.errorf(parent.pos, e.rule, "%s: <%s> is required inside <%s>; add it", l.service(parent.parent), e.Name, parent.tag())
	default:
		l.errorf(parent.pos, "E-3", "%s<%s> needs a <%s>; add it", l.inService(parent), parent.tag(), e.Name)
	}
}

// strayText: containers hold elements only.
func (l *loader) strayText(n *node) {
	if n.text != "" && !n.bad {
		at := n.pos
		for _, p := range n.pieces {
			if strings.TrimSpace(p.text) != "" {
				if at = p.pos; !p.cdata {
					at = firstWord(p.pos, p.text)
				}
				break
			}
		}
		l.errorf(at, "E-1", "%s<%s> holds elements, but also the text %q; remove the text", l.inService(n), n.tag(), shown(collapse(n.text)))
	}
}

// checkChild checks a known child: its own block, or its value, then its state.
func (l *loader) checkChild(c *node, e *Entry) {
	if e.Type == Block {
		switch {
		case e.block == "service":
			l.checkService(c)
		case e.block != "":
			l.checkBlock(c, e.block)
		case e.Parent == "login-module":
			l.checkBlock(c, optionsBlock(c.parent))
		}
	} else {
		if len(c.children) > 0 {
			k := c.children[0]
			l.errorf(k.pos, "E-1", "%s<%s> holds a text, not elements such as <%s>; remove them", l.inService(c), c.tag(), k.tag())
			c.bad = true
		}
		if !c.bad {
			l.checkValue(c, e)
		}
	}
	l.checkState(c, e)
}

// optionsBlock of a login-module depends on its type.
func optionsBlock(module *node) string {
	if t, _ := module.value("type"); t == "file" {
		return "options of module file"
	}
	return "options of other modules"
}

func (l *loader) checkState(c *node, e *Entry) {
	if e.Alias != "" {
		e = entry(e.Parent, e.Alias)
	}
	if c.bad && e.State != Refused {
		return // its value is the greater fault
	}
	switch e.State {
	case Later:
		l.warnf(c.pos, "KZ-2", "%s<%s> is checked but has no effect yet: %s", l.inService(c), c.tag(), e.Note)
	case Ignored:
		rule := "KZ-5"
		switch {
		case e.Parent == "cluster" && e.Name == "mode":
			rule = "M-5"
		case e.Parent == "service" && e.Name == "notify":
			rule = "E-9"
		}
		l.warnf(c.pos, rule, "%s<%s> is ignored: %s", l.inService(c), c.tag(), e.Note)
	case Refused:
		l.errorf(c.pos, "KZ-3", "%s<%s>: %s", l.inService(c), c.tag(), e.Note)
	}
}
