package gateway

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kzfast/kzfast/cluster"
)

// What the cluster element says reaches the membership.
func TestClusterSettings(t *testing.T) {
	dir := t.TempDir()
	keys := filepath.Join(dir, "keys")
	first, second := strings.Repeat("a", 32), strings.Repeat("b", 16)
	text := base64.StdEncoding.EncodeToString([]byte(first)) + "\n" + base64.StdEncoding.EncodeToString([]byte(second)) + "\n"
	if err := os.WriteFile(keys, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	settings := "<kz:key-file>" + keys + "</kz:key-file><kz:profile>wan</kz:profile><kz:advertise>192.0.2.9</kz:advertise>" +
		"<kz:multicast.interface>lo</kz:multicast.interface><kz:multicast.ttl>3</kz:multicast.ttl><kz:name>north</kz:name>"
	cfg := load(t, "<cluster><name>c</name><accept>tcp://127.0.0.1:5942</accept><connect>udp://224.2.2.44:44444</connect>"+settings+"</cluster>")
	g := &Gateway{cfg: cfg}
	o, err := g.clusterOptions()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name      string
		got, want any
	}{
		{"Name", o.Name, "c"}, {"Bind", o.Bind.String(), "127.0.0.1:5942"}, {"Multicast", o.Multicast.String(), "224.2.2.44:44444"},
		{"Advertise", o.Advertise.String(), "192.0.2.9:5942"}, {"Interface", o.Interface, "lo"}, {"TTL", o.TTL, 3},
		{"Profile", o.Profile, cluster.WAN}, {"keys", len(o.Keys), 2}, {"first key", string(o.Keys[0]), first},
		{"member name", cfg.Cluster.MemberName, "north"},
	} {
		if c.got != c.want {
			t.Errorf("%s = %v, want %v", c.name, c.got, c.want)
		}
	}
}
