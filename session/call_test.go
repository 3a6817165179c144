package session

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kzfast/kzfast/wsproto/origin"
)

const cors = "Access-Control-Allow-Credentials: true\r\nAccess-Control-Allow-Headers: content-type\r\n" +
	"Access-Control-Allow-Headers: authorization\r\nAccess-Control-Allow-Headers: x-websocket-extensions\r\n" +
	"Access-Control-Allow-Headers: x-websocket-version\r\nAccess-Control-Allow-Headers: x-websocket-protocol\r\n" +
	"Access-Control-Allow-Origin: http://page\r\n"

// TestBalancedHTTP holds examples (f) and (g) of spec/protocol.md §4.5 and the
// rows of §4.3 for clients without a WebSocket.
func TestBalancedHTTP(t *testing.T) {
	member := Answer{Action: ActionRedirect, Location: []byte("http://node1.example.com:8081/echo/;e/ctm")}
	cookie := member
	cookie.SetCookie = []byte("gwha-x=1")
	sorted := "Date: " + testDate + "\r\nLocation: http://node1.example.com:8081/echo/;e/ctm\r\nServer: Kaazing Gateway\r\n"
	page := "<html><head></head><body><h1>503 Service Unavailable</h1></body></html>"
	for _, tt := range []struct {
		name, head string
		answer     Answer
		kind       ClientKind
		want       string
	}{
		{"f create", "GET /echo/;e/ctm?.kn=1&topic=a HTTP/1.1\r\n" + host + "\r\n", member, ClientEmulated,
			"HTTP/1.1 302 Found\r\n" + sorted + "Content-Length: 0\r\n\r\n"},
		{"create with affinity", "POST /echo/;e/ctm HTTP/1.1\r\n" + host + "Content-Length: 3\r\n\r\n>|<", cookie, ClientEmulated,
			"HTTP/1.1 302 Found\r\n" + sorted + "Set-Cookie: gwha-x=1\r\nContent-Length: 0\r\n\r\n"},
		{"g wrapped", "GET /echo/;e/ctm?.kn=3737770856823772 HTTP/1.1\r\n" + host + "X-Origin: http://localhost:8001\r\n\r\n", member, ClientEmulated,
			"HTTP/1.1 200 OK\r\nCache-Control: no-cache\r\nContent-Length: 75\r\nContent-Type: text/plain;charset=UTF-8\r\nDate: " + testDate +
				"\r\nServer: Kaazing Gateway\r\n\r\nHTTP/1.1 302 Found\r\nLocation: http://node1.example.com:8081/echo/;e/ctm\r\n\r\n"},
		{"pre-flight", "GET /echo/;e/cookies?.krn=42&.kl=Y HTTP/1.1\r\n" + host + "\r\n", member, ClientEmulated,
			"HTTP/1.1 302 Found\r\n" + sorted + "Content-Length: 0\r\n\r\n"},
		{"none", "GET /echo/;e/cb HTTP/1.1\r\n" + host + "\r\n", Answer{NoneStatus: 503}, ClientEmulated,
			"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html\r\nDate: " + testDate + "\r\nRetry-After: 1\r\nServer: Kaazing Gateway\r\nContent-Length: 71\r\n\r\n" + page},
		{"none, compatible", "GET /echo/;e/cb HTTP/1.1\r\n" + host + "\r\n", Answer{NoneStatus: 404}, ClientEmulated, gone404},
		{"none, wrapped 404 is 404 outside", "GET /echo/;e/cb HTTP/1.1\r\n" + host + "X-Origin: http://localhost:8001\r\n\r\n", Answer{NoneStatus: 404}, ClientEmulated,
			"HTTP/1.1 404 Not Found\r\n"},
		{"none, wrapped 503", "GET /echo/;e/cb HTTP/1.1\r\n" + host + "X-Origin: http://localhost:8001\r\n\r\n", Answer{NoneStatus: 503}, ClientEmulated,
			"HTTP/1.1 200 OK\r\nCache-Control: no-cache\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, _ := newTestWorker()
			route, b := balancerRoute(tt.answer)
			c := request(w, route, tt.head)
			if got := c.text(); got != tt.want && (strings.HasSuffix(tt.want, "\r\n\r\n") || !strings.HasPrefix(got, tt.want)) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
			if len(b.asked) != 1 || b.asked[0] != tt.kind || c.closed {
				t.Errorf("balancer asked %v, want %v; closed %v", b.asked, tt.kind, c.closed)
			}
		})
	}
	w, _ := newTestWorker()
	route, b := balancerRoute(member)
	for _, suffix := range []string{"ub/", "dtm/"} {
		c := request(w, route, "POST /echo/;e/"+suffix+strings.Repeat("a", 32)+" HTTP/1.1\r\n"+host+"Content-Length: 0\r\n\r\n")
		if got := c.text(); got != gone404 || len(b.asked) != 0 {
			t.Errorf("data URL answered %q", got)
		}
	}
}

func originRoute() *Route {
	route, _ := echoRoute()
	route.Origins = &origin.Policy{Accept: "http://localhost:8001", Constraints: []origin.Constraint{
		{Origin: "http://page:80", Headers: []string{"x-a"}, MaxAge: 9, HasMaxAge: true}}}
	return route
}

// TestOrigins holds spec/protocol.md §1.8 for plain requests.
func TestOrigins(t *testing.T) {
	get := func(target, headers string) string {
		return "GET " + target + " HTTP/1.1\r\n" + host + headers + "\r\n"
	}
	const target = "/echo/;e/cookies"
	ok := "Content-Type: text/plain;charset=UTF-8\r\nDate: " + testDate + "\r\nLocation: http://localhost:8001/echo\r\nServer: Kaazing Gateway\r\n"
	refused := "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 61\r\n\r\n<html><head></head><body><h1>403 Forbidden</h1></body></html>"
	for _, tt := range []struct{ name, in, want string }{
		{"none", get(target, ""), "HTTP/1.1 200 OK\r\n" + ok + "Content-Length: 0\r\n\r\n"},
		{"same", get(target, "Origin: http://localhost:8001\r\nCookie: a=b\r\n"), "HTTP/1.1 200 OK\r\n" + ok + "Content-Length: 3\r\n\r\na=b"},
		{"constraint", get(target, "Origin: http://page\r\n"), "HTTP/1.1 200 OK\r\n" + cors + ok + "Content-Length: 0\r\n\r\n"},
		{"foreign", get(target, "Origin: http://evil\r\n"), refused},
		{"foreign with X-Origin", get(target, "Origin: http://evil\r\nX-Origin: http://localhost:8001\r\n"), "HTTP/1.1 200 OK\r\nCache-Control: no-cache\r\n"},
		{"null", get(target, "Origin: null\r\n"), refused},
		{"java", get(target, "Origin: privileged://anywhere:1\r\n"), "HTTP/1.1 200 OK\r\n" + ok},
		{"method", strings.Replace(get(target, "Origin: http://page\r\n"), "GET", "PUT", 1), refused},
		{"preflight", strings.Replace(get(target, "Origin: http://page\r\nAccess-Control-Request-Method: POST\r\n"), "GET", "OPTIONS", 1),
			"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Credentials: true\r\nAccess-Control-Allow-Headers: x-a\r\n" +
				strings.TrimPrefix(strings.Replace(cors, "Access-Control-Allow-Origin", "Access-Control-Allow-Methods: GET,POST\r\nAccess-Control-Allow-Origin", 1), "Access-Control-Allow-Credentials: true\r\n") +
				"Access-Control-Max-Age: 9\r\nMax-Age: 9\r\nContent-Length: 0\r\n\r\n"},
		{"preflight of a foreign page", strings.Replace(get(target, "Origin: http://evil\r\nAccess-Control-Request-Method: POST\r\n"), "GET", "OPTIONS", 1),
			"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
		{"method in the path", get("/;post/echo/;e/cb", "X-Origin: http://page\r\nX-Origin-http%3A%2F%2Fpage: http://page\r\n"),
			"HTTP/1.1 200 OK\r\n" + cors[:20]},
		{"method in the path, unproven", get("/;post/echo/;e/cb", "X-Origin: http://page\r\n"), "HTTP/1.1 200 OK\r\nCache-Control: no-cache\r\n"},
		{"revalidation", get("/echo/;ar/x", ""), notFoundAnswer},
		{"bridge", get("/?.kr=xs", ""), notFoundAnswer},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, _ := newTestWorker()
			c := request(w, originRoute(), tt.in)
			if got := c.text(); got != tt.want && (strings.HasSuffix(tt.want, "\r\n\r\n") || strings.HasSuffix(tt.want, "</html>") || !strings.HasPrefix(got, tt.want)) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestAccessPolicy(t *testing.T) {
	w, _ := newTestWorker()
	route := originRoute()
	c := connect(w, route)
	if c.data([]byte("GET /clientaccesspolicy.xml HTTP/1.1\r\n" + host + "\r\n")); c.text() != notFoundAnswer {
		t.Errorf("without constraints: %q", c.text())
	}
	p := &Port{}
	p.Routes.Store(&Routes{Router: oneRoute{route}, Policies: map[string]AccessPolicy{"localhost:8001": {Body: []byte("<x/>"), MaxAge: -1}}})
	c = &tape{}
	c.handler = w.Open(c, p)
	c.data([]byte("GET /clientaccesspolicy.xml HTTP/1.1\r\n" + host + "\r\n"))
	want := "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nDate: " + testDate + "\r\nServer: Kaazing Gateway\r\nContent-Length: 4\r\n\r\n<x/>"
	if got := c.text(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestCookieHelper holds spec/protocol.md §1.10, with the body cut at every
// position and in chunks.
func TestCookieHelper(t *testing.T) {
	body := "KSSOID=1; Path=/; Domain=example.com\r\nb=2"
	want := "HTTP/1.1 200 OK\r\nDate: " + testDate + "\r\nServer: Kaazing Gateway\r\nSet-Cookie: KSSOID=1; Path=/\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n"
	plain := fmt.Sprintf("POST /echo/;api/set-cookies HTTP/1.1\r\n%sContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", host, len(body), body)
	chunked := fmt.Sprintf("POST /echo/;api/set-cookies HTTP/1.1\r\n%sContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n",
		host, body[:5], len(body)-5, body[5:])
	for _, in := range []string{plain + plain, chunked + plain} {
		for cut := range len(in) {
			w, _ := newTestWorker()
			route, _ := echoRoute()
			c := connect(w, route)
			c.data([]byte(in[:cut]))
			c.data([]byte(in[cut:]))
			if got := c.text(); got != want+want || c.closed {
				t.Fatalf("cut at %d: got %q", cut, got)
			}
		}
		w, _ := newTestWorker()
		route, _ := echoRoute()
		c := connect(w, route)
		for i := range len(in) {
			c.data([]byte(in[i : i+1]))
		}
		if got := c.text(); got != want+want {
			t.Fatalf("byte by byte: got %q", got)
		}
	}
	w, _ := newTestWorker()
	route, _ := echoRoute()
	bad := strings.Replace(plain, "text/plain", "text/html", 1)
	if got := request(w, route, bad).text(); !strings.HasPrefix(got, "HTTP/1.1 400 Bad Request\r\n") {
		t.Errorf("html answered %q", got)
	}
	route.Options.NoCookieAPI = true
	if got := request(w, route, plain).text(); got != gone404 {
		t.Errorf("switched off, answered %q", got)
	}
	large := "POST /echo/;api/set-cookies HTTP/1.1\r\n" + host + "Content-Length: 5000\r\n\r\n"
	c := request(w, route, large)
	if got := c.text(); !strings.HasPrefix(got, "HTTP/1.1 413 ") || !c.closed {
		t.Errorf("large body answered %q", got)
	}
	c = request(w, route, "POST /echo/;api/set-cookies HTTP/1.1\r\n"+host+"Transfer-Encoding: chunked\r\n\r\n")
	for range 500 {
		c.data([]byte("a\r\n0123456789\r\n"))
	}
	if got := c.text(); !strings.HasPrefix(got, "HTTP/1.1 413 ") || !c.closed {
		t.Errorf("large chunked body answered %q", got)
	}
}

// TestEnvelope sends requests inside requests (spec/protocol.md §1.9).
func TestEnvelope(t *testing.T) {
	wrap := func(target, inner string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\n%sContent-Type: application/x-message-http\r\nContent-Length: %d\r\n\r\n%s", target, host, len(inner), inner)
	}
	w, l := newTestWorker()
	route, _ := echoRoute()
	c := request(w, route, wrap("/echo/;e/cbm", "GET /echo/;e/cbm HTTP/1.1\r\nX-Sequence-No: 4\r\n\r\n"))
	_, inner, _ := strings.Cut(c.text(), "\r\n\r\n")
	if !strings.HasPrefix(inner, "HTTP/1.1 201 Created\r\nContent-Type: text/plain;charset=UTF-8\r\n\r\nhttp://localhost:8001/echo/;e/ubm/") {
		t.Fatalf("create answered %q", c.text())
	}
	id := inner[strings.Index(inner, "/ubm/")+5:][:32]
	k := &wseClient{t: t, w: w, l: l, route: route, up: "/echo/;e/ubm/" + id, down: "/echo/;e/dbm/" + id}
	down := k.stream("", "X-Sequence-No: 5\r\n")
	down.take()
	c.take()
	c.data([]byte(wrap(k.up, "POST "+k.up+" HTTP/1.1\r\nX-Sequence-No: 5\r\n\r\n\x81\x01a"+reconnect)))
	if _, inner, _ = strings.Cut(c.text(), "\r\n\r\n"); inner != "HTTP/1.1 200 OK\r\n\r\n" || down.text() != "\x81\x01a" {
		t.Fatalf("upstream answered %q, echo %q", c.text(), down.text())
	}
	for name, in := range map[string]string{
		"other target": wrap("/echo/;e/cbm", "GET /echo/;e/cb HTTP/1.1\r\n\r\n"),
		"forbidden":    wrap("/echo/;e/cbm", "GET /echo/;e/cbm HTTP/1.1\r\nHost: x\r\n\r\n"),
		"cut":          wrap("/echo/;e/cbm", "GET /echo/;e/cbm HTTP/1.1\r\n"),
	} {
		if c := request(w, route, in); !strings.HasPrefix(c.text(), "HTTP/1.1 400 ") || !c.closed {
			t.Errorf("%s: answered %q", name, c.text())
		}
	}
}

func TestChallengeOfCreate(t *testing.T) {
	w, _ := newTestWorker()
	route, _ := echoRoute()
	route.Guard = tokenGuard{"Token 1:joe:welcome"}
	want := "HTTP/1.1 401 Unauthorized\r\nContent-Type: text/html\r\nWWW-Authenticate: Application Token\r\nContent-Length: 64\r\n\r\n" +
		"<html><head></head><body><h1>401 Unauthorized</h1></body></html>"
	if got := request(w, route, "GET /echo/;e/cb HTTP/1.1\r\n"+host+"\r\n").text(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	got := request(w, route, "GET /echo/;e/cb?.kl=Y HTTP/1.1\r\n"+host+"\r\n").text()
	if !strings.HasPrefix(got, "HTTP/1.1 200 OK\r\n") || !strings.Contains(got, "\r\n\r\nHTTP/1.1 401 Unauthorized\r\n") {
		t.Errorf("legacy client got %q", got)
	}
	if got := request(w, route, "GET /echo/;e/cb HTTP/1.1\r\n"+host+"Authorization: Token 1:joe:welcome\r\n\r\n").text(); !strings.HasPrefix(got, "HTTP/1.1 201 ") {
		t.Errorf("with credentials: %q", got)
	}
}

func TestPersistence(t *testing.T) {
	const target = "/echo/;e/cookies"
	w, _ := newTestWorker()
	route, _ := echoRoute()
	route.Options.KeepAlive = 7e9
	c := request(w, route, "GET "+target+" HTTP/1.1\r\n"+host+"\r\n")
	if c.closed || c.timeout != 7e9 {
		t.Errorf("closed %v, timeout %v", c.closed, c.timeout)
	}
	if c.handler.Timeout(); !c.closed || c.aborted {
		t.Errorf("idle connection: closed %v, aborted %v", c.closed, c.aborted)
	}
	for _, in := range []string{"GET " + target + " HTTP/1.0\r\n" + host + "\r\n", "GET " + target + " HTTP/1.1\r\nConnection: close\r\n" + host + "\r\n"} {
		if c := request(w, route, in+in); !c.closed || strings.Count(c.text(), "HTTP/1.1 200") != 1 {
			t.Errorf("got %q, closed %v", c.text(), c.closed)
		}
	}
	head := request(w, route, "HEAD "+target+" HTTP/1.1\r\n"+host+"Cookie: a=b\r\n\r\n")
	if got := head.text(); !strings.HasSuffix(got, "Content-Length: 3\r\n\r\n") {
		t.Errorf("HEAD answered %q", got)
	}
	big := request(w, route, "POST /echo/;e/cbm HTTP/1.1\r\n"+host+"Content-Type: application/x-message-http\r\nExpect: 100-continue\r\nContent-Length: 70000\r\n\r\n")
	if got := big.text(); got != "HTTP/1.1 100 Continue\r\n\r\n" {
		t.Errorf("expecting client got %q", got)
	}
}
