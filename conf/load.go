package conf

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Load reads the configuration file at path and the files it names: phases A
// to F of spec/config.md §1. On errors the Config is nil; the diagnostics are
// complete in both cases. Nothing is written, opened for listening or looked
// up.
func Load(path string, o Options) (*Config, Diagnostics) {
	data, err := readFile(path)
	if err != nil {
		r := report{file: path}
		r.errorf(Pos{}, "A-1", "cannot read the configuration file %s given by -config: %v; check the path", abs(path), err)
		return nil, r.list
	}
	return Parse(path, data, o)
}

// Parse is Load for a file that has been read already. The name is used for
// positions and as the place relative paths start from.
func Parse(name string, data []byte, o Options) (*Config, Diagnostics) {
	l := newLoader(name, o)
	if l.sniff(data) {
		l.translate()
		l.substituteAll()
		l.validate()
		l.resolve()
	}
	ds := l.done()
	if ds.Failed() {
		return nil, ds
	}
	return l.cfg, ds
}

// A loader is one run of Parse.
type loader struct {
	report
	o             Options
	defines       map[string]string
	cfg           *Config
	root          *node
	ns            Namespace
	params        *parameters
	expandedBytes int
	balances      map[use]Pos          // where each balance URI stands
	unsure        bool                 // a URI or type of a service could not be read: nothing is said about counterparts
	users         map[string]*Users    // by path, so that a file is read once
	userFiles     map[*LoginModule]Pos // where each module names its file
}

func newLoader(name string, o Options) *loader {
	l := &loader{
		report:  report{file: name},
		o:       o,
		defines: o.defines(),
		cfg:     &Config{File: abs(name)},
		users:   make(map[string]*Users),

		balances:  make(map[use]Pos),
		userFiles: make(map[*LoginModule]Pos),
	}
	l.cfg.Dir = filepath.Dir(l.cfg.File)
	if d := l.defines["GATEWAY_CONFIG_DIRECTORY"]; d != "" {
		l.cfg.Dir = abs(d)
	}
	l.cfg.WebDir = filepath.Join(filepath.Dir(l.cfg.Dir), "web")
	if d := l.defines["GATEWAY_WEB_DIRECTORY"]; d != "" {
		l.cfg.WebDir = abs(d)
	}
	return l
}

// sniff is phase B: the tree, its root and its namespace.
func (l *loader) sniff(data []byte) bool {
	root, fault := parseTree(l.file, data)
	if fault != nil {
		if fault.empty {
			fault.text += "; it needs a <gateway-config>"
		}
		l.errorf(fault.pos, "X-1", "%s", fault.text)
		return false
	}
	l.root = root
	switch ns, ok := parseNamespace(root.space); {
	case retiredNamespace(root.space):
		l.errorf(root.pos, "X-3", "configuration namespace %q is too old to be read; upgrade via a 4.x release first: convert the file to 2014/09 or later", shown(root.space))
		return false
	case !ok:
		l.errorf(root.pos, "X-2", "unknown configuration namespace %q on <%s>; accepted: %s", shown(root.space), shown(root.name), acceptedNamespaces())
		return false
	case root.name != "gateway-config":
		l.errorf(root.pos, "E-1", "the document element is <%s>; a gateway configuration starts with <gateway-config>", shown(root.name))
		return false
	default:
		l.ns, l.cfg.Namespace = ns, ns
		return true
	}
}

// substituteAll is phase D.
func (l *loader) substituteAll() {
	file := make(map[string]string)
	at := make(map[string]int)
	for _, p := range l.root.one("properties").all("property") {
		name := strings.TrimSpace(rawText(p.one("name")))
		if name == "" {
			continue
		}
		if line, dup := at[name]; dup {
			l.warnf(p.pos, "KZ-8", "property %q is set twice (also at line %d), the last one wins; remove one", shown(name), line)
		}
		at[name] = p.pos.Line
		file[name] = strings.TrimSpace(rawText(p.one("value")))
	}
	l.params = newParameters(l.defines, file, l.o.Hostname)
	l.substitute(l.root)
	l.cfg.Properties = make(map[string]string, len(file))
	for name := range file {
		if v, err := l.params.lookup(name); err == nil {
			l.cfg.Properties[name] = v
		}
	}
}

func rawText(n *node) string {
	if n == nil {
		return ""
	}
	var b strings.Builder
	for _, p := range n.pieces {
		b.WriteString(p.text)
	}
	return b.String()
}

// validate is phase E.
func (l *loader) validate() {
	l.attributes(l.root, make(map[string]bool))
	l.checkBlock(l.root, "gateway-config")
	l.uniqueNames()
}

// attributes warns once per name: nothing reads attributes (§1).
func (l *loader) attributes(n *node, seen map[string]bool) {
	for _, a := range n.attrs {
		space, name := a.Name.Space, a.Name.Local
		if space == "xmlns" || name == "xmlns" || strings.HasSuffix(space, "XMLSchema-instance") || space == "xsi" || seen[name] {
			continue
		}
		seen[name] = true
		l.warnf(n.pos, "KZ-6", "attribute %q of <%s> is ignored, as attributes are everywhere; write an element", shown(name), n.tag())
	}
	for _, c := range n.children {
		l.attributes(c, seen)
	}
}

// uniqueNames is S-1 and S-2.
func (l *loader) uniqueNames() {
	first := make(map[string]int)
	for _, s := range l.root.all("service") {
		n := s.one("name")
		switch {
		case n == nil || n.bad:
			continue
		case n.text == "":
			l.errorf(n.pos, "S-1", "the service at line %d has an empty name; name it", s.pos.Line)
		case first[n.text] != 0:
			l.errorf(n.pos, "S-2", "service name %q is used twice (also at line %d); rename one", shown(n.text), first[n.text])
		default:
			first[n.text] = n.pos.Line
		}
	}
}

// resolve is phase F.
func (l *loader) resolve() {
	l.resolveGateway()
	l.resolveCluster()
	l.resolveSecurity()
	l.resolveServices()
	l.checkBalance()
	l.checkAdvert()
	l.checkSockets()
	l.checkUse()
}

// service labels a service element for messages.
func (l *loader) service(n *node) string {
	if name, ok := n.value("name"); ok && name != "" {
		return fmt.Sprintf("service %q", shown(name))
	}
	return fmt.Sprintf("the service at line %d", n.pos.Line)
}

// inService is the label of the service n is or stands in, with a colon, or
// nothing.
func (l *loader) inService(n *node) string {
	for p := n; p != nil; p = p.parent {
		if p.parent != nil && p.parent == l.root && p.name == "service" {
			return l.service(p) + ": "
		}
	}
	return ""
}

// path resolves a path of the file against the config directory.
func (l *loader) path(p string) string {
	if filepath.IsAbs(p) {
		return filepath.Clean(p)
	}
	return filepath.Join(l.cfg.Dir, p)
}

// readFile reads a regular file of bounded size.
func readFile(path string) ([]byte, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, reason(err)
	}
	if !fi.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, reason(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, reason(err)
	}
	return data, nil
}

// reason is the system's reason without the path, which messages name already.
func reason(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
