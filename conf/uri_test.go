package conf

import (
	"errors"
	"testing"
)

func TestParseURI(t *testing.T) {
	for _, c := range []struct{ text, want, rule string }{
		{"ws://Example.COM:8001/Echo", "ws://example.com:8001/Echo", ""},
		{"ws://example.com/echo", "ws://example.com:80/echo", ""},
		{"wss://example.com", "wss://example.com:443/", ""},
		{"HTTP://example.com", "http://example.com:80/", ""},
		{"https://example.com/a/", "https://example.com:443/a/", ""},
		{"sse://example.com/news", "sse://example.com:80/news", ""},
		{"sse+ssl://example.com/news", "sse+ssl://example.com:443/news", ""},
		{"tcp://10.0.0.1:5942/", "tcp://10.0.0.1:5942", ""},
		{"tls://h:1", "ssl://h:1", ""},
		{"udp://224.2.2.44:44444", "udp://224.2.2.44:44444", ""},
		{"ws://[2001:DB8::1]:80/x", "ws://[2001:db8::1]:80/x", ""},
		{"ws://[::1]/x", "ws://[::1]:80/x", ""},
		{"ws://my_host:1/x", "ws://my_host:1/x", ""},
		{"ws://h:1/x?a=b", "ws://h:1/x?a=b", ""},
		{"  ws://h:1/x\n", "ws://h:1/x", ""},
		{"tcp://@ETH0:7080", "tcp://@eth0:7080", ""},
		{"tcp://[@eth0:1]:7080", "tcp://[@eth0:1]:7080", ""},
		{"tcp://[@Lan Two]:7080", "tcp://[@lan two]:7080", ""},
		{"udp://@br-lan.100:1", "udp://@br-lan.100:1", ""},
		{"", "", "U-1"},
		{"example.com", "", "U-1"},
		{"localhost:8000", "", "U-1"},
		{"ws:example.com:443/x", "", "U-1"},
		{"ws:///x", "", "U-1"},
		{"://h:1", "", "U-1"},
		{"ws://:80/", "", "U-1"},
		{"ws://h:0/", "", "U-1"},
		{"ws://h:65536/", "", "U-1"},
		{"ws://h:8o/", "", "U-1"},
		{"ws://h:/", "", "U-1"},
		{"ws://h:1:2/", "", "U-1"},
		{"ws://a b/", "", "U-1"},
		{"ws://u:p@h:1/", "", "U-1"},
		{"ws://h,i:1/", "", "U-1"},
		{"ws://[h]:1/", "", "U-1"},
		{"ws://[::1]1/", "", "U-1"},
		{"ws://h\\x:1/", "", "U-1"},
		{"tcp://@:1", "", "U-1"},
		{"tcp://h", "", "U-2"},
		{"ssl://h", "", "U-2"},
		{"udp://h", "", "U-2"},
		{"wsx://h:1/", "", "U-3"},
		{"httpxe://h:1/", "", "U-3"},
		{"pipe://name", "", "U-3"},
		{"pipe://name:1", "", "U-4"},
		{"tcp://h:1/x", "", "U-5"},
		{"ws://h:1/x#y", "", "U-6"},
		{"ws://@eth0:80/", "", "U-7"},
		{"http://@eth0:80/", "", "U-7"},
		{"ws://${host}:1/", "", "U-8"},
	} {
		u, err := ParseURI(c.text)
		var fault *uriError
		rule := ""
		if errors.As(err, &fault) {
			rule = fault.rule
		}
		if rule != c.rule || rule == "" && u.String() != c.want {
			t.Errorf("ParseURI(%q) = %q, %v; want %q, rule %q", c.text, u, err, c.want, c.rule)
		}
		if err != nil {
			continue
		}
		again, err := ParseURI(u.String())
		if err != nil || again != u {
			t.Errorf("ParseURI(%q) of its own text = %v, %v", u, again, err)
		}
	}
}

func TestURIParts(t *testing.T) {
	for _, c := range []struct {
		text, authority, http string
		secure                bool
	}{
		{"ws://h/x", "h:80", "http://h:80/x", false},
		{"wss://h/x", "h:443", "https://h:443/x", true},
		{"sse://h:1/", "h:1", "http://h:1/", false},
		{"sse+ssl://h:1/", "h:1", "https://h:1/", true},
		{"https://[::1]/", "[::1]:443", "https://[::1]:443/", true},
		{"tcp://h:1", "h:1", "tcp://h:1", false},
		{"tls://h:1", "h:1", "ssl://h:1", true},
	} {
		u, err := ParseURI(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if u.Authority() != c.authority || u.HTTP().String() != c.http || u.Secure() != c.secure {
			t.Errorf("%s: authority %q, http %q, secure %v; want %q, %q, %v", c.text, u.Authority(), u.HTTP(), u.Secure(), c.authority, c.http, c.secure)
		}
	}
}

func TestParseBind(t *testing.T) {
	for text, want := range map[string]string{
		"8001":               "0.0.0.0:8001",
		"localhost:8001":     "localhost:8001",
		"10.0.0.1:8001":      "10.0.0.1:8001",
		" 10.0.0.1:8001\n":   "10.0.0.1:8001",
		"[2001:DB8::1]:8001": "[2001:db8::1]:8001",
		"@Eth0:8001":         "@eth0:8001",
		"@br-lan:8001":       "@br-lan:8001",
		"[@eth0:1]:8001":     "[@eth0:1]:8001",
		"[@lan two]:8001":    "[@lan two]:8001",
		"0.0.0.0:8001":       "0.0.0.0:8001",
		"host":               "", "": "", "host:": "", ":8001": "", "@:8001": "", "host:70000": "", "0": "",
		"::1:8001": "", "[host]:8001": "", "ws://h:1": "", "h:1/x": "", "a b:1": "", "[@]:1": "", "h:-1": "",
	} {
		b, err := parseBind("ws.bind", text)
		got := ""
		if err == nil {
			got = b.Socket()
		}
		if got != want {
			t.Errorf("parseBind(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestBindLayers(t *testing.T) {
	all := map[string]Bind{}
	for i, s := range []string{"ws", "wss", "http", "https", "ssl", "tcp"} {
		all[s] = Bind{Option: s + ".bind", Port: i + 1}
	}
	without := func(names ...string) map[string]Bind {
		m := map[string]Bind{}
		for k, v := range all {
			m[k] = v
		}
		for _, n := range names {
			delete(m, n)
		}
		return m
	}
	for _, c := range []struct {
		scheme string
		binds  map[string]Bind
		want   string
	}{
		{"ws", all, "ws.bind"}, {"ws", without("ws"), "http.bind"}, {"ws", without("ws", "http"), "tcp.bind"},
		{"ws", without("ws", "http", "tcp"), ""},
		{"wss", all, "wss.bind"}, {"wss", without("wss"), "https.bind"}, {"wss", without("wss", "https"), "ssl.bind"},
		{"wss", without("wss", "https", "ssl"), "tcp.bind"}, {"wss", without("wss", "https", "ssl", "tcp"), ""},
		{"http", all, "http.bind"}, {"http", without("http"), "tcp.bind"},
		{"https", without("https"), "ssl.bind"}, {"https", without("https", "ssl"), "tcp.bind"},
		{"https", without("https", "ssl", "tcp"), ""},
		{"ssl", all, "ssl.bind"}, {"ssl", without("ssl"), "tcp.bind"},
		{"tcp", all, "tcp.bind"}, {"udp", all, ""},
	} {
		if got := bindFor(URI{Scheme: c.scheme, Host: "h", Port: 9}, c.binds).Option; got != c.want {
			t.Errorf("bindFor(%s, %v) = %q, want %q", c.scheme, c.binds, got, c.want)
		}
	}
}

func TestParseOrigin(t *testing.T) {
	for text, want := range map[string]string{
		"*": "*", "http://Example.com": "http://example.com:80", "https://example.com": "https://example.com:443",
		"HTTPS://example.com:8443": "https://example.com:8443", "http://example.com/": "http://example.com:80",
		"http://[::1]:80": "http://[::1]:80",
		"null":            "O-10", "ws://h": "O-10", "example.com": "O-10", "http://": "O-10", "http://u@h": "O-10",
		"http://h/x": "O-11", "http://h?x": "O-11", "http://h#x": "O-11", "http://h//": "O-11",
	} {
		origin, rule, _ := parseOrigin(text)
		if origin+rule != want {
			t.Errorf("parseOrigin(%q) = %q, %q; want %q", text, origin, rule, want)
		}
	}
}
