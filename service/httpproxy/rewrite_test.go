package httpproxy

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func TestMapLocation(t *testing.T) {
	tests := []struct{ connect, accept, location, want string }{
		{"http://back:8080/b/", "http://gw:8110/a/", "http://back:8080/b/x?y=1#z", "http://gw:8110/a/x?y=1#z"},
		{"http://back:8080/b/", "http://gw:8110/a/", "http://back:8080/b/", "http://gw:8110/a/"},
		{"http://back:8080/b/", "http://gw:8110/a/", "HTTP://BACK:8080/b/X%20Y", "http://gw:8110/a/X%20Y"},
		{"http://back:8080/b/", "http://gw:8110/a/", "http://back:8080/c/x", "http://back:8080/c/x"},
		{"http://back:8080/b/", "http://gw:8110/a/", "http://back:8081/b/x", "http://back:8081/b/x"},
		{"http://back:8080/b/", "http://gw:8110/a/", "https://back:8080/b/x", "https://back:8080/b/x"},
		{"http://back:8080/b/", "http://gw:8110/a/", "http://back:8080.evil.test/b/x", "http://back:8080.evil.test/b/x"},
		{"http://back:8080/b/", "http://gw:8110/a/", "http://back:8080@evil.test/b/x", "http://back:8080@evil.test/b/x"},
		{"http://back:8080/b/", "http://gw:8110/a/", "/b/x", "/a/x"},
		{"http://back:8080/b/", "http://gw:8110/a/", "/c/x", "/c/x"},
		{"http://back:8080/b/", "http://gw:8110/a/", "//back:8080/b/x", "//back:8080/b/x"},
		{"http://back:8080/b/", "http://gw:8110/a/", "x/y", "x/y"},
		{"http://back:8080/b/", "http://gw:8110/a/", "", ""},
		{"http://back:8080/b/", "http://gw:8110/a/", "http://%zz/", "http://%zz/"},
		{"http://back/", "https://gw/", "http://back:80/x", "https://gw/x"},
		{"http://back:80/", "https://gw/", "http://back/x", "https://gw/x"},
		{"http://back/", "https://gw/", "http://back", "https://gw/"},
		{"http://back/", "https://gw/", "http://back?q", "https://gw/?q"},
		{"http://back/", "https://gw/a/", "/x", "/a/x"},
		{"http://[::1]:80/", "http://gw/", "http://[::1]/x", "http://gw/x"},
	}
	for _, tt := range tests {
		rw := newRewriter(&Options{Connect: parse(t, tt.connect)})
		a := newAccept(parse(t, tt.accept))
		if got := rw.mapLocation(tt.location, &a); got != tt.want {
			t.Errorf("%s behind %s: %q becomes %q, want %q", tt.connect, tt.accept, tt.location, got, tt.want)
		}
	}
}

func TestLocationMappings(t *testing.T) {
	a := newAccept(parse(t, "http://gw/a/"))
	o := &Options{Connect: parse(t, "http://back/b/"), LocationMappings: []Mapping{
		{"", "never"}, {"http://other/", "http://gw/other/"}, {"http://back/b/special/", "/s/"},
	}}
	rw := newRewriter(o)
	for in, want := range map[string]string{
		"http://other/x": "http://gw/other/x", "http://back/b/special/y": "/s/y", "http://back/b/z": "http://gw/a/z",
	} {
		if got := rw.mapLocation(in, &a); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	o.KeepLocation = true
	rw = newRewriter(o)
	head := http.Header{"Location": {"http://back/b/z"}}
	if rw.response(head, &a); head.Get("Location") != "http://back/b/z" {
		t.Errorf("disabled: got %q, want it unchanged", head.Get("Location"))
	}
}

func TestMapCookie(t *testing.T) {
	a := newAccept(parse(t, "http://gw.test:8110/a/"))
	both := Options{RewriteCookieDomain: true, RewriteCookiePath: true,
		CookieDomainMappings: []Mapping{{"one.test", "gw.one"}, {".two.test", ""}},
		CookiePathMappings:   []Mapping{{"/p/", "/q/"}, {"/r", "/s"}, {"/gone", ""}},
	}
	tests := []struct {
		o        Options
		in, want string
	}{
		{Options{}, "n=v; Domain=back.test; Path=/b/", "n=v; Domain=back.test; Path=/b/"},
		{both, "n=v", "n=v"},
		{both, "n=v; Domain=one.test; HttpOnly; Path=/p/x; Secure", "n=v; Domain=gw.one; HttpOnly; Path=/q/x; Secure"},
		{both, "n=v; domain=.ONE.test", "n=v; domain=gw.one"},
		{both, "n=v; Domain=two.test; Secure", "n=v; Secure"},
		{both, "n=v; Domain=three.test", "n=v; Domain=three.test"},
		{both, "n=v; Domain=back.test", "n=v; Domain=gw.test"},
		{both, "n=v; Domain=sub.back.test", "n=v; Domain=sub.back.test"},
		{both, "n=v; Path=/p", "n=v; Path=/q/"},
		{both, "n=v; Path=/pp", "n=v; Path=/pp"},
		{both, "n=v; Path=/r", "n=v; Path=/s"},
		{both, "n=v; Path=/r/x", "n=v; Path=/s/x"},
		{both, "n=v; Path=/rx", "n=v; Path=/rx"},
		{both, "n=v; Path=/gone", "n=v"},
		{both, "n=v; Path=/b/x", "n=v; Path=/a/x"},
		{both, "n=v; Path=/b", "n=v; Path=/a/"},
		{both, "n=v; Path=/", "n=v; Path=/"},
		{both, `n="a=b"; Max-Age=5; Path=/b/;`, `n="a=b"; Max-Age=5; Path=/a/;`},
		{both, "Path=/b/; Path=/b/", "Path=/b/; Path=/a/"},
		{Options{RewriteCookiePath: true}, "n=v; Domain=back.test; Path=/b/", "n=v; Domain=back.test; Path=/a/"},
		{Options{RewriteCookieDomain: true}, "n=v; Domain=back.test; Path=/b/", "n=v; Domain=gw.test; Path=/b/"},
	}
	for _, tt := range tests {
		tt.o.Connect = parse(t, "http://back.test:8080/b/")
		rw := newRewriter(&tt.o)
		head := http.Header{"Set-Cookie": {tt.in, tt.in}}
		rw.response(head, &a)
		if got := head["Set-Cookie"]; got[0] != tt.want || got[1] != tt.want {
			t.Errorf("%q becomes %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestForwarded(t *testing.T) {
	const old = "203.0.113.9"
	seen := make(chan http.Header, 1)
	back := backend(t, func(w http.ResponseWriter, r *http.Request) { seen <- r.Header })
	names := []string{"X-Forwarded-For", "X-Forwarded-Server", "X-Forwarded-Proto", "X-Forwarded-Host", "Forwarded", "X-Forwarded-Port"}
	lines := []string{"X-Forwarded-For: " + old, "X-Forwarded-Server: s", "X-Forwarded-Proto: https", "X-Forwarded-Host: h:1", "Forwarded: for=" + old, "X-Forwarded-Port: 9"}
	sent := []string{old, "s", "https", "h:1", "for=" + old, "9"}
	strip := "Connection: X-Forwarded-For, X-Forwarded-Server, X-Forwarded-Proto, X-Forwarded-Host, Forwarded, Via, X-Forwarded-Port"
	tests := []struct {
		name  string
		mode  Forwarded
		lines []string
		want  []string // "*" stands for the client's ip:port
	}{
		{"default", "", lines, sent},
		{"ignore", Ignore, lines, sent},
		{"ignore, none sent", Ignore, nil, []string{"", "", "", "", "", ""}},
		{"ignore, named in Connection", Ignore, append([]string{strip}, lines...), sent},
		{"exclude", Exclude, lines, []string{"", "", "", "", "", ""}},
		{"inject", Inject, nil, []string{"*", "127.0.0.1", "http", "gateway.test:8110", `for="*";by=127.0.0.1;proto=http;host="gateway.test:8110"`, ""}},
		{"inject, appended", Inject, lines, []string{old + ", *", "s, 127.0.0.1", "https, http", "h:1, gateway.test:8110",
			"for=" + old + `, for="*";by=127.0.0.1;proto=http;host="gateway.test:8110"`, "9"}},
		{"inject, named in Connection", Inject, []string{strip}, []string{"*", "127.0.0.1", "http", "gateway.test:8110", `for="*";by=127.0.0.1;proto=http;host="gateway.test:8110"`, ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, addr := serve(t, back, Options{Forwarded: tt.mode})
			c, r := dial(t, addr)
			_, err := c.Write([]byte("GET /a/ HTTP/1.1\r\nHost: gateway.test:8110\r\n" + strings.Join(append(tt.lines, ""), "\r\n") + "\r\n"))
			check(t, err)
			_, err = http.ReadResponse(r, nil)
			check(t, err)
			head := <-seen
			for i, name := range names {
				want := strings.ReplaceAll(tt.want[i], "*", c.LocalAddr().String())
				if got := strings.Join(head[name], "|"); got != want {
					t.Errorf("%s: got %q, want %q", name, got, want)
				}
			}
			if via := head["Via"]; len(via) != 1 || !strings.HasPrefix(via[0], "1.1 kaazing-") {
				t.Errorf("Via: got %q, want ours", via)
			}
		})
	}
}

func TestForwardedV6(t *testing.T) {
	if got, want := quoted("[2001:db8::1]:80"), `"[2001:db8::1]:80"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := quoted(node("::1")), `"[::1]"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := quoted(`a"b\`), `"a\"b\\"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	r := httptest.NewRequest("GET", "/", nil)
	if got := localHost(r); got != "" || node(got) != "unknown" {
		t.Errorf("without local address: got %q", got)
	}
}

func TestLooped(t *testing.T) {
	if _, err := New(Options{ID: "me", Accepts: nil, Connect: nil}); err == nil {
		t.Fatal("no URIs: got no error")
	}
	h := &Handler{via: "kaazing-me"}
	for via, want := range map[string]bool{
		"1.1 kaazing-me": true, "1.0 other, 1.1 kaazing-me (c)": true, "HTTP/1.1 KAAZING-ME": true,
		"1.1 kaazing-me2": false, "kaazing-me": false, "": false, "1.1 x, 1.1 y": false,
	} {
		if got := h.looped([]string{"1.1 a", via}); got != want {
			t.Errorf("looped(%q) = %v, want %v", via, got, want)
		}
	}
	if a, b := uuid(), uuid(); a == b || len(a) != 36 || !slices.Contains([]byte("89ab"), a[19]) || a[14] != '4' {
		t.Errorf("uuid: got %s and %s", a, b)
	}
}
