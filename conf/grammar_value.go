package conf

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// checkValue holds the text of a simple element against its lexical type.
func (l *loader) checkValue(c *node, e *Entry) {
	if e.Type == Text || e.Type == URIValue {
		return // whoever uses it says more
	}
	if fault, rule := valueFault(c.text, e); fault != "" {
		c.bad = true
		l.errorf(c.pos, rule, "%s%s", l.inService(c), fault)
	}
}

// valueFault gives the message and rule of a text that does not fit its row.
func valueFault(text string, e *Entry) (fault, rule string) {
	rule = e.rule
	if rule == "" {
		rule = "E-4"
	}
	ok := false
	switch e.Type {
	case Name, Path:
		ok = text != ""
		if ok && rule == "O-3" {
			u, err := url.Parse(text)
			if err != nil || !u.IsAbs() {
				return fmt.Sprintf("%q is not an absolute URI for <%s>; write scheme://host:port", shown(text), e.Name), rule
			}
		}
	case Size:
		_, ok = parseSize(text)
	case Rate:
		_, ok = parseRate(text)
	case Interval:
		_, ok = parseInterval(text)
	case CSV:
		var items []string
		if items, ok = parseCSV(text); ok {
			return itemFault(items, e)
		}
		rule = "E-4"
	case Switch:
		ok = text == "enabled" || text == "disabled"
	case Enum:
		ok = slices.Contains(e.Values, text)
	case Integer:
		var n int64
		n, ok = parseDigits(text)
		ok = ok && n >= e.Low && (e.High == 0 || n <= e.High)
	case CacheControl:
		_, ok = parseCacheControl(text)
	case BindValue:
		if _, err := parseBind(e.Name, text); err != nil {
			return fmt.Sprintf("<%s>: %v", e.Name, err), "O-1"
		}
		ok = true
	default:
		ok = true
	}
	if ok {
		return "", ""
	}
	if text == "" {
		return fmt.Sprintf("<%s> is empty; %s", e.Name, e.forms()), rule
	}
	return fmt.Sprintf("%q is not a valid %s for <%s>; %s", shown(text), e.Type, e.Name, e.forms()), rule
}

// itemFault checks the items of the lists that have a vocabulary.
func itemFault(items []string, e *Entry) (fault, rule string) {
	switch canonicalTag(e) {
	case "ssl.ciphers":
		return cipherFault(items, e)
	case "allow-methods":
		for _, m := range items {
			if !slices.Contains(corsMethods, m) {
				return fmt.Sprintf("%q is not a method <%s> can allow; it takes %s", shown(m), e.Name, list(corsMethods)), "O-12"
			}
		}
	}
	return "", ""
}

var corsMethods = []string{"OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "CONNECT"}

// cipherFault applies §10.3 as far as it needs no suite table.
func cipherFault(items []string, e *Entry) (fault, rule string) {
	if strings.ContainsAny(items[0][:1], "!-+@") {
		return fmt.Sprintf("<%s> starts with the operator %q; name the suites to start from first, such as HIGH,%s", e.Name, shown(items[0]), shown(items[0])), "O-4"
	}
	for i, it := range items {
		if i > 0 && (it == "DEFAULT" || it == "DEFAULTS") {
			return fmt.Sprintf("<%s> has %s after other items; it can only stand first", e.Name, it), "O-4"
		}
	}
	left := slices.DeleteFunc(slices.Clone(items), func(it string) bool {
		return strings.ContainsAny(it[:1], "!-+@") || slices.Contains(items, "!"+it)
	})
	if len(left) == 0 {
		return fmt.Sprintf("<%s> excludes every suite it names; leave at least one", e.Name), "O-4"
	}
	return "", ""
}

func (e *Entry) bounds() string {
	switch {
	case e.High > 0:
		return fmt.Sprintf(" from %d to %d", e.Low, e.High)
	case e.Low > 0:
		return " of at least " + strconv.FormatInt(e.Low, 10)
	}
	return ""
}
