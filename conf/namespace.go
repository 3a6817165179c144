package conf

import "strings"

// A Namespace is the generation of grammar a file was written for. The order
// is that of time.
type Namespace int

// The generations that are read (§2.2).
const (
	NS201203 Namespace = iota + 1
	NS201208
	NS201209
	NS201409
	NS201511
	NS201606
)

// KZNamespace holds our own elements.
const KZNamespace = "urn:kzfast:config:1"

var namespaceNames = map[Namespace]string{
	NS201203: "2012/03",
	NS201208: "2012/08",
	NS201209: "2012/09",
	NS201409: "2014/09",
	NS201511: "2015/11",
	NS201606: "2016/06",
}

// String gives the year and month, as in the namespace URI.
func (n Namespace) String() string { return namespaceNames[n] }

// URI gives the spelling the predecessor's files use.
func (n Namespace) URI() string {
	if n < NS201409 {
		return "http://xmlns.kaazing.com/" + n.String() + "/gateway"
	}
	return "http://xmlns.kaazing.org/" + n.String() + "/gateway"
}

// Oldest of the generations that need a rule.
func (n Namespace) is2012() bool { return n <= NS201209 }

// dropsRealm: without a constraint the realm has no force (§2.3).
func (n Namespace) dropsRealm() bool { return n < NS201606 }

// implicitLocation: directories get **/* with max-age=0 (§2.3).
func (n Namespace) implicitLocation() bool { return n <= NS201409 }

// optionalName: a service may have no name (§2.3).
func (n Namespace) optionalName() bool { return n <= NS201208 }

// parseNamespace finds the generation of a namespace URI. Both the .com and
// the .org spelling of each are taken; letter case does not matter.
func parseNamespace(uri string) (Namespace, bool) {
	uri = strings.ToLower(uri)
	for _, prefix := range []string{"http://xmlns.kaazing.com/", "http://xmlns.kaazing.org/"} {
		rest, ok := strings.CutPrefix(uri, prefix)
		if !ok {
			continue
		}
		for n, name := range namespaceNames {
			if rest == name+"/gateway" {
				return n, true
			}
		}
	}
	return 0, false
}

// retiredNamespace reports the generations that cannot be read any more.
func retiredNamespace(uri string) bool {
	uri = strings.ToLower(uri)
	return uri == "http://xmlns.kaazing.com/gateway-config/excalibur" ||
		uri == "http://xmlns.kaazing.com/gateway-config/dragonfire"
}

func acceptedNamespaces() string {
	var list []string
	for n := NS201606; n >= NS201203; n-- {
		list = append(list, n.URI())
	}
	return strings.Join(list, ", ")
}
