package gateway

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kzfast/kzfast/client"
)

// A stage is a directory with a page and users.
type stage struct{ web, users string }

func newStage(t *testing.T) stage {
	t.Helper()
	dir := t.TempDir()
	s := stage{web: filepath.Join(dir, "web"), users: filepath.Join(dir, "users.xml")}
	if err := os.MkdirAll(filepath.Join(s.web, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		filepath.Join(s.web, "page.html"): "page", filepath.Join(s.web, "sub", "index.html"): "index",
		s.users: `<jaas-config xmlns="http://xmlns.kaazing.com/jaas-config/centurion">
<user><name>joe</name><password>welcome</password><role-name>AUTHORIZED</role-name></user>
<user><name>ann</name><password>welcome</password></user><role><name>AUTHORIZED</name></role></jaas-config>`,
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// realm is a security element.
func (s stage) realm(scheme, sources string) string {
	return `<security><realm><name>demo</name><description>Demo</description><authentication><http-challenge-scheme>` + scheme +
		`</http-challenge-scheme>` + sources + `<login-modules><login-module><type>file</type><success>required</success><options><file>` +
		s.users + `</file></options></login-module></login-modules></authentication></realm></security>`
}

const protected = `<realm-name>demo</realm-name><authorization-constraint><require-role>AUTHORIZED</require-role></authorization-constraint>`

func (s stage) directory(accept, options, rest string) string {
	return `<service><name>pages</name><accept>` + accept + `</accept><type>directory</type><properties><directory>file:` + s.web +
		`</directory><welcome-file>index.html</welcome-file></properties><accept-options>` + options + `</accept-options>` + rest + `</service>`
}

func token(user string) string { return base64.StdEncoding.EncodeToString([]byte(user + ":welcome")) }

// The realm of a service is asked before anything of the service is served,
// whatever kind of service it is.
func TestRealms(t *testing.T) {
	const ip = "127.0.0.41"
	s := newStage(t)
	for _, scheme := range []string{"Basic", "Application Basic"} {
		t.Run(scheme, func(t *testing.T) {
			port := freePort(t, ip)
			at := hostPort(ip, port)
			public := fmt.Sprintf("public.example.com:%d", port)
			start(t, s.realm(scheme, "")+s.directory("http://"+at+"/", "", protected)+
				`<service><name>balancer</name><accept>ws://`+public+`/echo</accept><type>balancer</type><accept-options><tcp.bind>`+at+`</tcp.bind></accept-options>`+protected+`</service>`+
				`<service><name>echo</name><accept>ws://`+at+`/echo</accept><balance>ws://`+public+`/echo</balance><type>echo</type>`+protected+`</service>`)
			native := 401
			if scheme != "Basic" {
				native = 403
			}
			joe, ann, bad := "Authorization: Basic "+token("joe"), "Authorization: Basic "+token("ann"), "Authorization: Basic "+token("eve")
			for _, c := range []struct {
				name, target, host string
				lines              []string
				status             int
			}{
				{"page without", "/page.html", at, nil, 401},
				{"page with", "/page.html", at, []string{joe}, 200},
				{"page without the role", "/page.html", at, []string{ann}, 401},
				{"page of nobody", "/page.html", at, []string{bad}, 401},
				{"echo without", "/echo", at, upgrade, native},
				{"echo with", "/echo", at, with(upgrade, joe), 101},
				{"balancer without", "/echo", public, upgrade, native},
				{"balancer with", "/echo", public, with(upgrade, joe), 302},
				{"emulated create without", "/echo/;e/cb", public, nil, 401},
				{"emulated create with", "/echo/;e/cb", public, []string{joe}, 302},
			} {
				r := get(t, at, c.target, c.host, c.lines...)
				if r.StatusCode != c.status {
					t.Errorf("%s: %s, want %d", c.name, r.Status, c.status)
				}
				challenge := r.Header.Get("WWW-Authenticate")
				if (r.StatusCode == 401) != (challenge != "") {
					t.Errorf("%s: %s with challenge %q", c.name, r.Status, challenge)
				}
				if c.target == "/page.html" && r.StatusCode == 401 && challenge != `Basic realm="Demo"` {
					t.Errorf("%s: challenge %q is not one a browser answers", c.name, challenge)
				}
			}
		})
	}
}

// A realm may name further places for the token; in a place where it stands
// twice it does not count.
func TestTokenSources(t *testing.T) {
	const ip = "127.0.0.42"
	s := newStage(t)
	port := freePort(t, ip)
	at := hostPort(ip, port)
	sources := "<http-header>X-Token</http-header><http-query-parameter>tok</http-query-parameter><http-cookie>sso</http-cookie>"
	start(t, s.realm("Basic", sources)+s.directory("http://"+at+"/", "", protected)+
		`<service><name>echo</name><accept>ws://`+at+`/echo</accept><type>echo</type>`+protected+`</service>`)
	joe := token("joe")
	for _, c := range []struct {
		name, query string
		lines       []string
		ok          bool
	}{
		{"none", "", nil, false},
		{"header", "", []string{"X-Token: " + joe}, true},
		{"header with scheme", "", []string{"X-Token: Basic " + joe}, true},
		{"header twice", "", []string{"X-Token: " + joe, "X-Token: " + joe}, false},
		{"parameter", "?a=b&tok=" + joe, nil, true},
		{"parameter escaped", "?tok=" + strings.ReplaceAll(joe, "=", "%3D"), nil, true},
		{"parameter twice", "?tok=" + joe + "&tok=" + joe, nil, false},
		{"cookie", "", []string{"Cookie: a=b; sso=" + joe}, true},
		{"cookie of another name", "", []string{"Cookie: xsso=" + joe}, false},
		{"Authorization wins", "", []string{"Authorization: Basic " + token("eve"), "X-Token: " + joe}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			page, socket := 401, 401
			if c.ok {
				page, socket = 200, 101
			}
			if got := get(t, at, "/page.html"+c.query, at, c.lines...).StatusCode; got != page {
				t.Errorf("page: status %d, want %d", got, page)
			}
			if got := get(t, at, "/echo"+c.query, at, with(upgrade, c.lines...)...).StatusCode; got != socket {
				t.Errorf("WebSocket: status %d, want %d", got, socket)
			}
		})
	}
}

// A login ends with the realm's session-timeout, however busy it is.
func TestSessionTimeout(t *testing.T) {
	const ip = "127.0.0.43"
	s := newStage(t)
	at := hostPort(ip, freePort(t, ip))
	start(t, s.realm("Basic", "<session-timeout>1 s</session-timeout>")+
		`<service><name>echo</name><accept>ws://`+at+`/echo</accept><type>echo</type>`+protected+`</service>`)
	c := mustEcho(t, ip, "ws://"+at+"/echo", func(o *client.Options) {
		o.Header = map[string][]string{"Authorization": {"Basic " + token("joe")}}
	})
	if code := closed(t, c); code != 1000 {
		t.Errorf("close code %d, want 1000", code)
	}
}

// The cross-site constraints of a service hold for its pages too
// (spec/config.md §11.1).
func TestOriginsOfPages(t *testing.T) {
	const ip = "127.0.0.44"
	s := newStage(t)
	at := hostPort(ip, freePort(t, ip))
	start(t, s.directory("http://"+at+"/", "", `<cross-site-constraint><allow-origin>http://friend.example.com</allow-origin>`+
		`<allow-methods>GET</allow-methods><allow-headers>x-mine</allow-headers><maximum-age>60</maximum-age></cross-site-constraint>`))
	friend, foe := "Origin: http://friend.example.com", "Origin: http://foe.example.com"
	preflight := []string{"Access-Control-Request-Method: GET"}
	for _, c := range []struct {
		name, method string
		lines        []string
		status       int
		header, want string
	}{
		{"same origin", "GET", []string{"Origin: http://" + at}, 200, "Access-Control-Allow-Origin", ""},
		{"friend", "GET", []string{friend}, 200, "Access-Control-Allow-Origin", "http://friend.example.com"},
		{"foe", "GET", []string{foe}, 403, "Access-Control-Allow-Origin", ""},
		{"method not allowed", "POST", []string{friend, "Content-Length: 0"}, 403, "Access-Control-Allow-Origin", ""},
		{"preflight", "OPTIONS", with(preflight, friend), 200, "Access-Control-Allow-Methods", "GET"},
		{"preflight headers", "OPTIONS", with(preflight, friend), 200, "Access-Control-Max-Age", "60"},
		{"preflight of a foe", "OPTIONS", with(preflight, foe), 200, "Access-Control-Allow-Methods", ""},
	} {
		r := ask(t, at, c.method, "/page.html", at, c.lines...)
		if r.StatusCode != c.status || r.Header.Get(c.header) != c.want {
			t.Errorf("%s: %s with %s %q, want %d with %q", c.name, r.Status, c.header, r.Header.Get(c.header), c.status, c.want)
		}
	}
}

// http.server.header is a service's own: another on the socket keeps it.
func TestServerHeader(t *testing.T) {
	const ip = "127.0.0.45"
	s := newStage(t)
	at := hostPort(ip, freePort(t, ip))
	const off = "<http.server.header>disabled</http.server.header>"
	start(t, s.directory("http://"+at+"/", off, "")+echoAt("quiet", "ws://"+at+"/quiet", off)+echoAt("loud", "ws://"+at+"/loud", ""))
	for _, c := range []struct {
		target string
		lines  []string
		want   string
	}{
		{"/page.html", nil, ""}, {"/quiet", upgrade, ""}, {"/loud", upgrade, "Kaazing Gateway"}, {"/quiet", upgrade, ""},
	} {
		if got := get(t, at, c.target, at, c.lines...).Header.Get("Server"); got != c.want {
			t.Errorf("%s: Server %q, want %q", c.target, got, c.want)
		}
	}
}

// Head limits are those of the most generous service on a socket, for loops
// and for net/http alike.
func TestHeadLimits(t *testing.T) {
	const ip = "127.0.0.46"
	s := newStage(t)
	for _, c := range []struct {
		options, line string
		status        int
	}{
		{"", "X-Long: " + strings.Repeat("x", 70<<10), 431},
		{"<kz:http.header.max>128k</kz:http.header.max>", "X-Long: " + strings.Repeat("x", 70<<10), 200},
		{"<kz:http.header.max>1k</kz:http.header.max>", "X-Long: " + strings.Repeat("x", 2<<10), 431},
		{"", "X-Folded: a\r\n b", 400},
		{"<kz:http.obs-fold>accept</kz:http.obs-fold>", "X-Folded: a\r\n b", 200},
	} {
		port := freePort(t, ip)
		at := hostPort(ip, port)
		start(t, s.directory("http://"+at+"/", c.options, ""))
		if got := get(t, at, "/page.html", at, c.line).StatusCode; got != c.status {
			t.Errorf("%q with %.20q: status %d, want %d", c.options, c.line, got, c.status)
		}
	}
}
