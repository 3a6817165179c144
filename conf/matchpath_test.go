package conf_test

import (
	"strings"
	"testing"

	"github.com/kzfast/kzfast/conf"
	"github.com/kzfast/kzfast/wsproto"
)

// load gives the path of an echo service's accept, "" when it is refused.
func load(t *testing.T, path string) (string, conf.Diagnostics) {
	t.Helper()
	cfg, ds := conf.Parse("m.xml", []byte(`<gateway-config xmlns="http://xmlns.kaazing.org/2016/06/gateway"><service>
	  <name>echo</name><accept>ws://h:1`+path+`</accept><type>echo</type></service></gateway-config>`), conf.Options{})
	if cfg == nil {
		return "", ds
	}
	return cfg.Services[0].Accepts[0].URI.Path, ds
}

// An accept path is what the parser of requests makes of it, or it is refused.
func TestAcceptPathIsThatOfItsRequests(t *testing.T) {
	for _, c := range []struct{ path, want, text string }{
		{"/echo", "/echo", ""},
		{"/", "/", ""},
		{"//a//b", "/a/b", ""},
		{"/a//", "/a/", ""},
		{"/%41b", "/Ab", ""},
		{"/%7euser", "/~user", ""},
		{"/a%3Bb", "/a;b", ""},
		{"/a.b/..c", "/a.b/..c", ""},
		{"/%C3%a9", "/é", ""},
		{"/é", "/é", ""},
		{"/%20x", "", `"%20" stands for a character`},
		{"/a%25b", "", `"%25" stands for a character`},
		{"/a%3Fb", "", `"%3F" stands for a character`},
		{"/a%23b", "", `"%23" stands for a character`},
		{"/a%0d", "", `"%0d" stands for a character`},
		{"/%zz", "", `"%zz" is not a percent escape`},
		{"/a%4", "", `"%4" is not a percent escape`},
		{"/a%", "", `"%" is not a percent escape`},
		{"/a%2fb", "", `the escape "%2f"`},
		{"/a%5Cb", "", `the escape "%5C"`},
		{"/a%00", "", `the escape "%00"`},
		{"/%ff", "", "not UTF-8"},
		{"/a/./b", "", `"." segment`},
		{"/a/..", "", `".." segment`},
		{"/%2e%2E/a", "", `".." segment`},
	} {
		got, ds := load(t, c.path)
		if got != c.want || !strings.Contains(ds.String(), c.text) || (c.text != "") != strings.Contains(ds.String(), "[U-1]") {
			t.Errorf("accept path %s: got %q, %v; want %q, U-1 with %q", c.path, got, ds, c.want, c.text)
		}
		if got == "" {
			continue
		}
		var r wsproto.Request
		sent := strings.ReplaceAll(c.path, "é", "%C3%A9") // clients do not send it bare
		if _, err := r.Parse([]byte("GET "+sent+" HTTP/1.1\r\nHost: h:1\r\n\r\n"), wsproto.HeadLimits{}); err != nil || string(r.Path) != got {
			t.Errorf("a request for %s has the path %q, %v; the accept has %q", sent, r.Path, err, got)
		}
	}
}
