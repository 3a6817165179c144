package conf

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
)

func (l *loader) resolveCluster() {
	n := l.root.one("cluster")
	if n == nil {
		return
	}
	s := settingsOf("cluster", n)
	c := &Cluster{
		Name:               s.text("name"),
		Pos:                n.pos,
		MemberName:         s.text("kz:name"),
		Profile:            s.text("kz:profile"),
		Advertise:          s.text("kz:advertise"),
		MulticastInterface: s.text("kz:multicast.interface"),
		MulticastTTL:       s.integer("kz:multicast.ttl"),
	}
	l.cfg.Cluster = c
	if s.has("name") && c.Name == "" {
		l.errorf(s.pos("name"), "C-1", "Invalid name in the cluster configuration: <name> is empty; use the same name on all members")
	}
	accepts := n.all("accept")
	for _, a := range accepts {
		if u, ok := l.clusterURI(a); ok {
			c.Accepts = append(c.Accepts, u)
		}
	}
	for _, a := range n.all("connect") {
		if u, ok := l.clusterURI(a); ok {
			c.Connects = append(c.Connects, u)
		}
	}
	if len(accepts) == 0 {
		l.errorf(n.pos, "C-6", "No network interfaces specified in the gateway configuration: the cluster element needs an accept with a local address, e.g. tcp://192.168.2.10:5942")
	}
	if len(n.all("connect")) == 0 && len(accepts) > 0 {
		l.warnf(n.pos, "KZ-13", "the cluster element has no connect, so this member finds nobody and waits to be found; add udp://group:port or tcp://member:port")
	}
	l.checkClusterPorts(c, n)
	l.checkDiscovery(c, n)
	if c.MemberName == "" && len(c.Accepts) > 0 && !floating(c.Accepts[0]) {
		c.MemberName = c.Accepts[0].String()
	}
	if fault := nameFault(c.MemberName); fault != "" && s.has("kz:name") {
		l.errorf(s.pos("kz:name"), "KZ-17", "<kz:name> %q is told to other members, but it %s; choose another", shown(c.MemberName), fault)
	} else if fault != "" {
		l.errorf(n.pos, "KZ-17", "cluster accept %q is the name of this member, but it %s; give it a <kz:name>", shown(c.MemberName), fault)
	}
	l.checkAdvertise(s)
	l.clusterKeys(c, s)
}

// clusterURI reads an accept or connect of the cluster. Paths are dropped (§7).
func (l *loader) clusterURI(n *node) (URI, bool) {
	if n.bad {
		return URI{}, false
	}
	kind, text := n.name, n.text
	sch, rest, _ := strings.Cut(text, "://")
	switch sch = strings.ToLower(sch); {
	case sch == "aws" && kind == "connect":
		l.errorf(n.pos, "C-13", "cluster connect %s: aws discovery is not supported; list the members as tcp://host:port", shown(text))
		return URI{}, false
	case kind == "accept" && (sch == "aws" || sch == "udp"):
		l.errorf(n.pos, "C-3", "Cannot accept on a multicast or aws address, use unicast address starting with tcp://: cluster accept %s has scheme %s; write tcp://local-address:port", shown(text), sch)
		return URI{}, false
	case strings.Contains(text, "://") && sch != "tcp" && sch != "udp":
		l.errorf(n.pos, "C-3", "Unrecognized scheme %s for %s in %s; a cluster accept is tcp, a cluster connect tcp or udp", shown(sch), kind, shown(text))
		return URI{}, false
	}
	if host, _, cut := strings.Cut(rest, "/"); cut {
		text = sch + "://" + host
	}
	u, err := ParseURI(text)
	var fault *uriError
	switch {
	case errors.As(err, &fault) && fault.rule == "U-2":
		l.errorf(n.pos, "C-4", "Invalid port number specified for <%s>: %s; cluster %s %s needs a port", kind, shown(text), kind, shown(text))
	case errors.As(err, &fault) && fault.rule == "U-8":
		l.errorf(n.pos, "U-8", "cluster %s: %v", kind, err)
	case err != nil:
		l.errorf(n.pos, "C-2", "Unrecognized %s url %s resulted in exception: %v", kind, shown(text), err)
	}
	return u, err == nil
}

// checkClusterPorts is C-5.
func (l *loader) checkClusterPorts(c *Cluster, n *node) {
	for _, u := range c.Accepts {
		if u.Port != c.Accepts[0].Port {
			l.errorf(n.pos, "C-5", "Port numbers on the network interfaces in <accept> do not match: cluster accepts must share one port, found %s", uris(c.Accepts))
			return
		}
	}
}

// checkDiscovery is C-9, C-10, C-12 and C-15 as far as no name is looked up.
func (l *loader) checkDiscovery(c *Cluster, n *node) {
	var udp, tcp []URI
	for _, u := range c.Connects {
		if u.Scheme == "udp" {
			udp = append(udp, u)
		} else {
			tcp = append(tcp, u)
		}
	}
	if len(udp) > 1 {
		l.errorf(n.pos, "C-9", "Conflicting multicast discovery addresses in cluster configuration: only one multicast connect is allowed in the cluster element, found %s; keep one", uris(udp))
	}
	if len(udp) > 0 && len(tcp) > 0 {
		l.errorf(n.pos, "C-10", "the cluster element mixes multicast %s with unicast %s; use one kind", udp[0], tcp[0])
	}
	for _, u := range udp {
		switch a, ok := u.Addr(); {
		case ok && a.IsMulticast() && !a.Is4():
			l.errorf(n.pos, "C-12", "cluster connect %s: members do not meet in IPv6 groups; use a group of 224.0.0.0/4, such as udp://224.2.2.44:%d", u, u.Port)
		case ok && !a.IsMulticast():
			l.errorf(n.pos, "C-12", "cluster connect %s: %s is not a multicast address; use one of 224.0.0.0/4, or tcp://%s for a unicast member", u, a, u.Authority())
		}
	}
	here := slices.IndexFunc(c.Accepts, isLoopback)
	there := slices.IndexFunc(tcp, func(u URI) bool { return !isLoopback(u) })
	if here >= 0 && there >= 0 {
		l.warnf(n.pos, "C-15", "cluster accept %s is a loopback address while connect %s is not; members on other hosts cannot reach this one: accept on a network address", c.Accepts[here], tcp[there])
	}
}

func isLoopback(u URI) bool {
	a, ok := u.Addr()
	return u.Host == "localhost" || ok && a.IsLoopback()
}

// uris lists URIs for a message, each once and not too many.
func uris(us []URI) string {
	const most = 8
	var texts []string
	seen := make(map[URI]bool)
	for _, u := range us {
		if seen[u] {
			continue
		}
		if seen[u] = true; len(texts) == most {
			return list(texts) + ", ..."
		}
		texts = append(texts, u.String())
	}
	return list(texts)
}

// checkAdvertise: host or host:port, no interface, no wildcard.
func (l *loader) checkAdvertise(s settings) {
	text := s.text("kz:advertise")
	if text == "" {
		return
	}
	host, port, ok := splitAuthority(text)
	if port != "" {
		_, portOK := parsePort(port)
		ok = ok && portOK
	}
	if a, err := netip.ParseAddr(host); err == nil && a.IsUnspecified() {
		ok = false
	}
	if !ok || host == "" || strings.ContainsAny(host, "@/ ") || strings.Contains(host, ":") && net.ParseIP(host) == nil {
		l.errorf(s.pos("kz:advertise"), "KZ-16", "<kz:advertise> %q is not an address others can use; write host or host:port", shown(text))
	}
}
