package conf

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// Bounds of the expansion of one parameter.
const (
	maxNesting       = 16
	maxExpandedBytes = 64 << 10
)

// parameters answers ${name} (§3): -D words, then the properties block, then
// the built-in names. Values are expanded in turn, once, and remembered.
type parameters struct {
	defines  map[string]string
	file     map[string]string // text of the properties block, unexpanded
	builtin  map[string]string
	expanded map[string]string
	failed   map[string]error
	told     map[string]bool // cycles that were reported: once is enough
	stack    []string
}

func newParameters(defines, file map[string]string, hostname string) *parameters {
	if hostname == "" {
		hostname, _ = os.Hostname()
	}
	return &parameters{
		defines:  defines,
		file:     file,
		builtin:  map[string]string{"hostname": hostname},
		expanded: make(map[string]string),
		failed:   make(map[string]error),
		told:     make(map[string]bool),
	}
}

// An undefinedError is a parameter without a value.
type undefinedError struct{ name string }

func (e *undefinedError) Error() string {
	return fmt.Sprintf("parameter ${%s} has no value: set it with -D %s=... or in the properties block", shown(e.name), shown(e.name))
}

// A cycleError is a parameter that cannot be expanded at all.
type cycleError struct{ text string }

func (e *cycleError) Error() string { return e.text }

// expand replaces every ${name} of s. On faults the text of the bad parameter
// stays as it was; all faults are given, each name once.
func (p *parameters) expand(s string) (string, []error) {
	if !strings.Contains(s, "${") {
		return s, nil
	}
	var out strings.Builder
	var errs []error
	for s != "" {
		i := strings.IndexByte(s, '$')
		if i < 0 {
			out.WriteString(s)
			break
		}
		out.WriteString(s[:i])
		s = s[i:]
		dollars := len(s) - len(strings.TrimLeft(s, "$"))
		name, length, ok := reference(s[dollars:])
		switch {
		case !ok:
			out.WriteString(s[:dollars])
			s = s[dollars:]
			continue
		case dollars > 1: // one $ too many: the escape
			out.WriteString(s[1 : dollars+length])
		default:
			v, err := p.lookup(name)
			if err != nil {
				errs = addError(errs, err)
				v = s[:dollars+length]
			}
			out.WriteString(v)
		}
		s = s[dollars+length:]
		if out.Len() > maxFileBytes {
			return out.String(), addError(errs, &cycleError{"the text expands to more than 4 MB; shorten the properties it uses"})
		}
	}
	return out.String(), errs
}

func addError(errs []error, err error) []error {
	if slices.ContainsFunc(errs, func(e error) bool { return e.Error() == err.Error() }) {
		return errs
	}
	return append(errs, err)
}

// reference reads {name} at the front of s: any characters but braces.
func reference(s string) (name string, length int, ok bool) {
	if !strings.HasPrefix(s, "{") {
		return "", 0, false
	}
	end := strings.IndexAny(s[1:], "{}")
	if end <= 0 || s[1+end] != '}' {
		return "", 0, false
	}
	return strings.TrimSpace(s[1 : 1+end]), end + 2, true
}

func (p *parameters) lookup(name string) (string, error) {
	if v, ok := p.expanded[name]; ok {
		return v, nil
	}
	if err, ok := p.failed[name]; ok {
		return "", err
	}
	raw := p.defines[name]
	if raw == "" {
		raw = p.file[name]
	}
	if raw == "" {
		raw = p.builtin[name]
	}
	if raw == "" {
		return "", &undefinedError{name}
	}
	v, err := p.expandValue(name, raw)
	if err != nil {
		p.failed[name] = err
		return "", err
	}
	p.expanded[name] = v
	return v, nil
}

func (p *parameters) expandValue(name, raw string) (string, error) {
	if i := slices.Index(p.stack, name); i >= 0 {
		cycle := append(slices.Clone(p.stack[i:]), name)
		return "", &cycleError{"the values of these parameters need each other: " + shown(strings.Join(cycle, " -> ")) + "; give one of them a plain value"}
	}
	if len(p.stack) >= maxNesting {
		return "", &cycleError{fmt.Sprintf("parameter ${%s} nests deeper than %d levels; write its value out", shown(p.stack[0]), maxNesting)}
	}
	p.stack = append(p.stack, name)
	v, errs := p.expand(raw)
	p.stack = p.stack[:len(p.stack)-1]
	if len(errs) > 0 {
		return "", errs[0]
	}
	if len(v) > maxExpandedBytes {
		return "", &cycleError{fmt.Sprintf("parameter ${%s} expands to more than %d bytes; shorten the values it is made of", shown(name), maxExpandedBytes)}
	}
	return v, nil
}

// Predefined entities are decoded once more in CDATA: the predecessor wrote
// expanded text back and parsed it again, and files depend on it (§3).
var cdataEntities = strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">", "&quot;", `"`, "&apos;", "'")

// substitute fills the text of every element and checks attribute values.
// A text with a bad parameter marks its element bad.
func (l *loader) substitute(n *node) {
	var text strings.Builder
	for _, pc := range n.pieces {
		s, ok := l.expandAt(pc.text, pc.pos, n)
		n.bad = n.bad || !ok
		if pc.cdata {
			s = cdataEntities.Replace(s)
		}
		text.WriteString(s)
		if text.Len() > maxFileBytes {
			l.errorf(n.pos, "D-2", "the text of <%s> expands to more than 4 MB; shorten the properties it uses", n.tag())
			n.bad = true
			break
		}
	}
	n.text = strings.TrimSpace(text.String())
	for _, a := range n.attrs {
		l.expandAt(a.Value, n.pos, n)
	}
	for _, c := range n.children {
		l.substitute(c)
	}
}

func (l *loader) expandAt(text string, at Pos, n *node) (string, bool) {
	s, errs := l.params.expand(text)
	l.expandedBytes += len(s)
	if l.expandedBytes > 4*maxFileBytes {
		errs = []error{&cycleError{"the properties of the file expand to more than 16 MB in all; shorten them"}}
		s = ""
	}
	for _, err := range errs {
		rule := "D-1"
		if _, ok := err.(*cycleError); ok {
			if rule = "D-2"; l.params.told[err.Error()] {
				continue
			}
			l.params.told[err.Error()] = true
		}
		l.errorf(textPos(text, at), rule, "%s<%s>: %s", l.inService(n), n.tag(), err)
	}
	return s, len(errs) == 0
}

// textPos moves a position from the start of a text to its first ${.
func textPos(text string, at Pos) Pos {
	i := strings.Index(text, "${")
	if i <= 0 {
		return at
	}
	if nl := strings.LastIndexByte(text[:i], '\n'); nl >= 0 {
		at.Line += strings.Count(text[:i], "\n")
		at.Col = i - nl
		return at
	}
	at.Col += i
	return at
}
