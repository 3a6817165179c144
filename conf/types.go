package conf

import "strings"

// A count is how often a child may stand in a service; hi Many is no bound.
type count struct{ lo, hi int }

var (
	none     = count{0, 0}
	optional = count{0, 1}
	exactly1 = count{1, 1}
	oneUp    = count{1, Many}
	any0     = count{0, Many}
)

// A serviceType is one row of §9.2 and §12.
type serviceType struct {
	name     string
	state    State // Ignored: tolerated
	note     string
	accept   count
	connect  count
	balance  count
	notify   count
	props    count
	acceptO  count
	connectO count
	realm    count
	mime     count
	origins  count

	accepts  []string // schemes; nil any
	connects []string
	block    string // of its properties
}

var (
	wsSchemes     = []string{"ws", "wss", "sse", "sse+ssl", "tcp", "ssl", "udp"}
	httpSchemes   = []string{"http", "https"}
	tcpSchemes    = []string{"tcp", "ssl", "ws", "wss"}
	sourceSchemes = []string{"tcp", "ssl", "udp", "ws", "wss"}
)

// serviceTypes are the types a file may name, in the order of the spec.
var serviceTypes = []serviceType{
	{name: "balancer", accept: oneUp, balance: none, props: optional, acceptO: optional, realm: optional, origins: any0, block: "balancer properties"},
	{name: "echo", accept: oneUp, balance: any0, notify: any0, props: optional, acceptO: optional, realm: optional, origins: any0, accepts: wsSchemes, block: "echo properties"},
	{name: "proxy", accept: oneUp, connect: any0, balance: any0, notify: any0, props: optional, acceptO: optional, connectO: optional, realm: optional, origins: any0, accepts: wsSchemes, connects: tcpSchemes, block: "proxy properties"},
	{name: "directory", accept: oneUp, balance: any0, props: exactly1, acceptO: optional, realm: optional, mime: any0, origins: any0, accepts: httpSchemes, block: "directory properties"},
	{name: "broadcast", accept: any0, connect: any0, balance: any0, notify: any0, props: optional, acceptO: optional, connectO: optional, realm: optional, origins: any0, accepts: wsSchemes, connects: sourceSchemes, block: "broadcast properties"},
	{name: "http.proxy", accept: oneUp, connect: exactly1, balance: any0, notify: any0, props: optional, acceptO: optional, connectO: optional, realm: optional, origins: any0, accepts: httpSchemes, connects: httpSchemes, block: "http.proxy properties"},
	{name: "amqp.proxy", accept: oneUp, connect: any0, balance: any0, props: optional, acceptO: optional, connectO: optional, realm: optional, origins: any0, accepts: wsSchemes, connects: tcpSchemes, block: "amqp.proxy properties"},
	{name: "http.redirect", accept: oneUp, props: exactly1, acceptO: optional, realm: optional, origins: any0, accepts: httpSchemes, block: "http.redirect properties"},
	{name: "management.jmx", state: Ignored, note: "it manages a Java process; use the admin surface", props: optional, realm: optional, block: "tolerated properties"},
	tolerated("management.snmp", "snmp management type is no longer supported; use the command center"),
	{name: "update.check", state: Ignored, note: "kzfast does not phone home"},
	{name: "turn.rest", state: Ignored, note: "credentials for TURN servers are not served", accept: oneUp, balance: any0, notify: any0, props: optional, acceptO: optional, realm: optional, origins: any0, block: "tolerated properties"},
	tolerated("jms", "it belongs to the Enterprise Edition"),
	tolerated("jms.proxy", "it belongs to the Enterprise Edition"),
	tolerated("redis", "it belongs to the Enterprise Edition"),
	tolerated("kerberos5.proxy", "it belongs to the Enterprise Edition"),
	{name: "session", state: Refused, note: "the type no longer exists; remove the service"},
	{name: "*-extension", state: Refused, note: "services written in Java cannot be loaded; remove the service"},
	{name: "class:*", state: Refused, note: "services written in Java cannot be loaded; remove the service"},
}

// tolerated is a type whose grammar is not public: anything goes.
func tolerated(name, note string) serviceType {
	return serviceType{
		name: name, state: Ignored, note: note,
		accept: any0, connect: any0, balance: any0, notify: any0, props: optional,
		acceptO: optional, connectO: optional, realm: optional, origins: any0,
		block: "tolerated properties",
	}
}

func findType(name string) *serviceType {
	for i := range serviceTypes {
		if serviceTypes[i].name == name {
			return &serviceTypes[i]
		}
	}
	return nil
}

// knownTypes lists what is served.
func knownTypes() string {
	var names []string
	for _, t := range serviceTypes {
		if t.state == Served {
			names = append(names, t.name)
		}
	}
	return list(names)
}

func list(names []string) string { return strings.Join(names, ", ") }

// renamedTypes of the oldest files (§2.3).
var renamedTypes = map[string]string{
	"stomp.jms":         "jms",
	"stomp.interceptor": "jms.proxy",
}

// allows gives how often a child of that tag may stand in the service.
func (t *serviceType) allows(tag string) (c count, listed bool) {
	switch tag {
	case "accept":
		return t.accept, true
	case "connect":
		return t.connect, true
	case "balance":
		return t.balance, true
	case "notify":
		return t.notify, true
	case "properties":
		return t.props, true
	case "accept-options":
		return t.acceptO, true
	case "connect-options":
		return t.connectO, true
	case "realm-name":
		return t.realm, true
	case "authorization-constraint", "auth-constraint":
		if t.realm == none {
			return none, true
		}
		return any0, true
	case "mime-mapping":
		return t.mime, true
	case "cross-site-constraint":
		return t.origins, true
	}
	return count{}, false
}

// row is the type as an entry of the registry.
func (t *serviceType) row() Entry {
	e := Entry{Parent: "service type", Name: t.name, Type: Name, Max: Many, State: t.state, Note: t.note}
	if t.state != Served {
		return e
	}
	accepts := t.accepts
	if t.name == "balancer" {
		accepts = balancerSchemes
	}
	e.Meaning = "accepts " + list(accepts)
	if len(t.connects) > 0 {
		e.Meaning += "; connects to " + list(t.connects)
	}
	return e
}
