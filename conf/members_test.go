package conf

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func sprint(v any) string { return fmt.Sprint(v) }

// member is a small member file with holes.
func member(cluster, n, balancer string) string {
	return cluster + `<service><name>bal</name><accept>ws://pub.example.com:80/</accept><type>balancer</type>` + balancer + `</service>
	  <service><name>echo</name><accept>ws://` + n + `.example.com:80/</accept><balance>ws://pub.example.com:80/</balance><type>echo</type></service>`
}

func bindTo(addr string) string {
	return `<accept-options><ws.bind>` + addr + `:80</ws.bind></accept-options>`
}

func TestCheckMembers(t *testing.T) {
	ok1 := member(clusterOf("tcp://10.0.0.1:1", "tcp://10.0.0.2:1"), "n1", bindTo("10.0.0.1"))
	ok2 := member(clusterOf("tcp://10.0.0.2:1", "tcp://10.0.0.2:1"), "n2", bindTo("10.0.0.2"))
	udp := func(i, group string) string {
		return member(clusterOf("tcp://10.0.0."+i+":1", "udp://"+group+":1"), "n"+i, bindTo("10.0.0."+i))
	}
	named := func(i string) string {
		return member(strings.Replace(clusterOf("tcp://10.0.0."+i+":1", "tcp://10.0.0.1:1"), "</cluster>", "<kz:name>m</kz:name></cluster>", 1), "n"+i, bindTo("10.0.0."+i))
	}
	anywhere := func(accept, i string) string {
		return member(clusterOf("tcp://"+accept+":1", "tcp://10.0.0.1:1"), "n"+i, bindTo("10.0.0."+i))
	}
	reuse := `<accept-options><kz:tcp.reuse.port>enabled</kz:tcp.reuse.port></accept-options>`
	for name, c := range map[string]struct{ a, b, want, text string }{
		"fine":                {ok1, ok2, "", ""},
		"multicast":           {udp("1", "224.1.1.1"), udp("2", "224.1.1.1"), "", ""},
		"name":                {ok1, strings.Replace(ok2, "<name>c<", "<name>d<", 1), "M-2 error", "never join"},
		"no cluster":          {ok1, member("", "n2", bindTo("10.0.0.2")), "M-2 error", "no cluster element"},
		"kzha":                {strings.Replace(ok1, "<name>c<", "<name>kzha<", 1), strings.Replace(ok2, "<name>c<", "<name>kzha<", 1), "M-1 info, M-1 info", ""},
		"kinds":               {ok1, udp("2", "224.1.1.1"), "M-3 error", "by multicast"},
		"groups":              {udp("1", "224.1.1.1"), udp("2", "224.1.1.2"), "M-4 error", "different groups"},
		"no connect":          {udp("1", "224.1.1.1"), strings.Replace(ok2, "<connect>tcp://10.0.0.2:1</connect>", "", 1), "M-3 error", "no connect"},
		"islands":             {member(clusterOf("tcp://10.0.0.1:1", "tcp://10.0.0.1:1"), "n1", bindTo("10.0.0.1")), ok2, "M-4 warning", "no connect leads"},
		"no bind":             {member(clusterOf("tcp://10.0.0.1:1", "tcp://10.0.0.2:1"), "n1", ""), ok2, "M-6 warning", "ws.bind"},
		"reuse port":          {member(clusterOf("tcp://10.0.0.1:1", "tcp://10.0.0.2:1"), "n1", reuse), member(clusterOf("tcp://10.0.0.2:1", "tcp://10.0.0.2:1"), "n2", reuse), "", ""},
		"one bind":            {ok1, member(clusterOf("tcp://10.0.0.2:1", "tcp://10.0.0.2:1"), "n2", bindTo("10.0.0.1")), "M-7 error", "own address"},
		"accepts differ":      {ok1, strings.ReplaceAll(ok2, "pub.example.com:80/", "www.example.com:80/"), "M-7 error", "www.example.com"},
		"balancer missing":    {ok1, strings.ReplaceAll(ok2, "<name>bal<", "<name>lab<"), "M-9 error, M-9 error", "every member needs it"},
		"node accepts":        {ok1, strings.ReplaceAll(ok2, "n2.example", "n1.example"), "M-11 warning", "redirect"},
		"cluster accepts":     {ok1, strings.Replace(ok2, "<accept>tcp://10.0.0.2:1", "<accept>tcp://10.0.0.1:1", 1), "M-4 warning, M-12 error", "own address or port"},
		"interface accepts":   {anywhere("@eth0", "1"), anywhere("@eth0", "2"), "", ""},
		"wildcard accepts":    {anywhere("0.0.0.0", "1"), anywhere("0.0.0.0", "2"), "", ""},
		"other port":          {anywhere("0.0.0.0", "1"), strings.Replace(anywhere("0.0.0.0", "2"), "0.0.0.0:1<", "0.0.0.0:2<", 1), "", ""},
		"localhost accepts":   {anywhere("localhost", "1"), anywhere("localhost", "2"), "M-4 warning, M-12 warning", "its own port"},
		"loopback accepts":    {anywhere("127.0.0.2", "1"), anywhere("127.0.0.2", "2"), "M-4 warning, M-12 error", "own address or port"},
		"member names":        {named("1"), named("2"), "KZ-16 error", "kz:name"},
		"balancer leads away": {ok1, member(clusterOf("tcp://10.0.0.9:1", "tcp://10.0.0.1:1"), "n9", bindTo("10.0.0.9")), "M-10 warning", "does not include"},
	} {
		t.Run(name, func(t *testing.T) {
			ds := CheckMembersOn([]*Config{mustParse(t, "a.xml", c.a), mustParse(t, "b.xml", c.b)}, fakeHost{map[string]string{
				"pub.example.com": "10.0.0.1 10.0.0.2", "www.example.com": "10.0.0.2",
			}})
			if got := ruleList(ds); got != c.want {
				t.Errorf("got %q, want %q\n%s", got, c.want, ds)
			}
			if !strings.Contains(ds.String(), c.text) {
				t.Errorf("got\n%s\nwant %q in it", ds, c.text)
			}
		})
	}
}

// The vendor's two members, as the documentation has them.
func TestVendorMembers(t *testing.T) {
	a, ds := Load("testdata/vendor/cluster-member-1-config.xml", Options{})
	if ds.Failed() {
		t.Fatal(ds)
	}
	b, ds := Load("testdata/vendor/cluster-member-2-config.xml", Options{})
	if ds.Failed() {
		t.Fatal(ds)
	}
	got := CheckMembers([]*Config{a, b})
	if s := ruleList(got); s != "M-15 info, M-15 warning, M-15 info, M-15 warning" {
		t.Errorf("got %q\n%s", s, got)
	}
}

// -D moves the samples to one laptop, where they pass the host check.
func TestVendorMemberOverridden(t *testing.T) {
	o := Options{
		GatewayOpts: "-Xmx1g -Dgateway.ip.address=192.0.2.99 -Dgateway.hostname=localhost",
		Define:      map[string]string{"gateway.ip.address": "127.0.0.4", "node.hostname": "127.0.0.4"},
	}
	c, ds := Load("testdata/vendor/cluster-member-1-config.xml", o)
	if ds.Failed() {
		t.Fatal(ds)
	}
	if ds := c.CheckHost(testHost()); len(ds) > 0 {
		t.Errorf("host check:\n%s", ds)
	}
	if got := c.Cluster.Accepts[0].String(); got != "tcp://127.0.0.4:5942" {
		t.Errorf("cluster accept %s", got)
	}
	if got := c.Service("echo").Accepts[0]; got.URI.String() != "ws://127.0.0.4:8001/echo" || got.Bind.Socket() != "127.0.0.4:8001" {
		t.Errorf("echo accepts %v on %v", got.URI, got.Bind)
	}
	_, ds = Load("testdata/vendor/cluster-member-1-config.xml", Options{Strict: true})
	if got := ruleList(ds.Errors()); got != "KZ-4 error" {
		t.Errorf("strict: %q, want the jms service refused", got)
	}
}

func TestDirectories(t *testing.T) {
	body := `<service><name>d</name><accept>http://h:1/</accept><type>directory</type><properties><directory>/pages</directory></properties></service>`
	c, ds := Parse("/etc/gw/conf/member.xml", []byte(document(body)), Options{})
	if ds.Failed() {
		t.Fatal(ds)
	}
	if c.Dir != "/etc/gw/conf" || c.Service("d").Directory.Directory != "/etc/gw/web/pages" || c.Service("d").Directory.ErrorPages != "/etc/gw" {
		t.Errorf("got %s, %+v", c.Dir, c.Service("d").Directory)
	}
	c, ds = Parse("/etc/gw/conf/member.xml", []byte(document(body)), Options{Define: map[string]string{"GATEWAY_CONFIG_DIRECTORY": "/a", "GATEWAY_WEB_DIRECTORY": "/b/web"}})
	if ds.Failed() {
		t.Fatal(ds)
	}
	if c.Dir != "/a" || c.Service("d").Directory.Directory != "/b/web/pages" || c.Service("d").Directory.ErrorPages != "/b" {
		t.Errorf("got %s, %+v", c.Dir, c.Service("d").Directory)
	}
}

func TestKeyFiles(t *testing.T) {
	key := "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	other := "HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	for name, c := range map[string]struct {
		text  string
		mode  os.FileMode
		keys  int
		id    string
		fault string
	}{
		"one":       {key + "\n", 0o600, 1, "63", ""},
		"two":       {"# newest\n01: " + key + "\n\n02:" + other, 0o640, 2, "01", ""},
		"empty":     {"\n# nothing\n", 0o600, 0, "", "no key"},
		"short":     {"AAEC\n", 0o600, 0, "", "line 1"},
		"garbage":   {key + "\n???\n", 0o600, 0, "", "line 2"},
		"bad id":    {"zz:" + key, 0o600, 0, "", "line 1"},
		"same id":   {"01:" + key + "\n01:" + other, 0o600, 0, "", "id 01"},
		"world":     {key, 0o644, 0, "", "chmod 0600"},
		"four keys": {"01:" + key + "\n02:" + key + "\n03:" + key + "\n04:" + key, 0o600, 4, "01", "at most 3"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "keys")
			if err := os.WriteFile(path, []byte(c.text), c.mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, c.mode); err != nil { // whatever the umask
				t.Fatal(err)
			}
			keys, err := readKeys(path, 32)
			if err == nil && (len(keys) != c.keys || keys[0].ID != c.id) {
				t.Errorf("got %v, want %d keys, first id %s", keys, c.keys, c.id)
			}
			if err != nil && strings.Contains(err.Error(), key) {
				t.Errorf("the message quotes the key: %v", err)
			}
			body := strings.Replace(clusterOf("tcp://10.0.0.1:1", "tcp://10.0.0.2:1"), "</cluster>", "<kz:affinity.key-file>"+path+"</kz:affinity.key-file></cluster>", 1)
			_, ds := Parse("m.xml", []byte(document(body)), Options{})
			if ds.Failed() != (c.fault != "") || !strings.Contains(ds.String(), c.fault) {
				t.Errorf("got %v, want fault %q", ds, c.fault)
			}
		})
	}
}

func TestCheckMembersKeys(t *testing.T) {
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	one, two := file("AAECAwQFBgcICQoLDA0ODw==\n"), file("DwECAwQFBgcICQoLDA0ODw==\n")
	build := func(n, path string) *Config {
		text := clusterOf("tcp://10.0.0."+n+":1", "tcp://10.0.0.1:1")
		if path != "" {
			text = strings.Replace(text, "</cluster>", "<kz:key-file>"+path+"</kz:key-file></cluster>", 1)
		}
		return mustParse(t, n+".xml", text)
	}
	for _, c := range []struct{ a, b, want string }{
		{one, one, ""}, {"", "", ""}, {one, "", "KZ-15 error"}, {"", one, "KZ-15 error"}, {one, two, "KZ-15 error"},
	} {
		if got := ruleList(CheckMembers([]*Config{build("1", c.a), build("2", c.b)})); got != c.want {
			t.Errorf("keys %q and %q: got %q, want %q", c.a, c.b, got, c.want)
		}
	}
}

// Two members on one laptop (architecture §8) share the public socket on
// purpose, and nothing else.
func TestDemoShape(t *testing.T) {
	file := func(addr, port string) *Config {
		shared := `<accept-options><kz:tcp.reuse.port>enabled</kz:tcp.reuse.port></accept-options>`
		return mustParse(t, addr+".xml", `<cluster><name>demo</name><accept>tcp://`+addr+`:`+port+`</accept><connect>udp://224.2.2.44:44444</connect></cluster>
		  <service><name>pages</name><accept>http://localhost:8001/</accept><type>directory</type><properties><directory>/demo</directory></properties>`+shared+`</service>
		  <service><name>balancer</name><accept>ws://localhost:8001/echo</accept><type>balancer</type>`+shared+`</service>
		  <service><name>echo</name><accept>ws://`+addr+`:8001/echo</accept><balance>ws://localhost:8001/echo</balance><type>echo</type></service>`)
	}
	a, b := file("127.0.0.4", "5942"), file("127.0.0.5", "5943")
	for _, c := range []*Config{a, b} {
		if ds := c.CheckHost(testHost()); len(ds) > 0 {
			t.Error(ds)
		}
	}
	if ds := CheckMembersOn([]*Config{a, b}, testHost()); len(ds) > 0 {
		t.Error(ds)
	}
}
