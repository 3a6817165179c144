package vendorclient

import (
	"context"
	"encoding/base64"
	"net"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"time"
)

// A Kind is one of the vendor's clients.
type Kind uint8

// The clients that are emulated.
const (
	JavaScript Kind = iota
	Java
)

// String names the kind for test names.
func (k Kind) String() string {
	if k == Java {
		return "java"
	}
	return "javascript"
}

// Options of one connection. The zero value is a JavaScript client in a
// browser without cookies, on a page of the server's own origin.
type Options struct {
	Kind      Kind
	Protocols []string // the application's subprotocols
	// Origin of the page a JavaScript client runs on; empty is the one of the
	// URI. A Java client sends privileged://host:port.
	Origin string
	// Challenge answers a 401 with an Authorization value; nil, or false,
	// gives up.
	Challenge func(Challenge) (authorization string, ok bool)
	Policy    Policy
	Jar       http.CookieJar // the browser's cookies; nil is an empty jar
	// NoNative is a browser without WebSocket: WSE at once.
	NoNative bool
	// NoBridge is a browser whose XMLHttpRequest may leave the page's origin:
	// answers are not wrapped and the browser itself follows redirects.
	NoBridge bool
	// NoKeepAlive is a proxy on the way that closes after each answer: every
	// request is a connection of its own.
	NoKeepAlive bool
	// ConnectTimeout, when set, bounds Dial in place of the clients' own
	// timers for the native handshake.
	ConnectTimeout time.Duration
	Timers         Timers
	// DialContext connects; nil is a net.Dialer.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	// Trace is told each step in a few words, such as "native ws://…" or
	// "directive N". It may be called from several goroutines.
	Trace func(step string)
}

// Timers are what the clients wait for. Zero is the vendor's value.
type Timers struct {
	NativeOpen     time.Duration // until the outer 101: 5 s
	Inner          time.Duration // until the second N: 5 s
	Create         time.Duration // WSE create answer: 5 s
	Downstream     time.Duration // downstream response head: 10 s
	ProxyDetection time.Duration // first downstream bytes: 3 s, Java 5 s
	Close          time.Duration // the server's half of a closing handshake: 5 s
	SelfReconnect  int           // bytes of one downstream before the next: 512 KiB
}

func (o *Options) fill() {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	t := &o.Timers
	if o.ConnectTimeout == 0 {
		set(&t.NativeOpen, 5*time.Second)
		set(&t.Inner, 5*time.Second)
	}
	set(&t.Create, 5*time.Second)
	set(&t.Downstream, 10*time.Second)
	set(&t.Close, 5*time.Second)
	detection := 3 * time.Second
	if o.Kind == Java {
		detection = 5 * time.Second
	}
	set(&t.ProxyDetection, detection)
	if t.SelfReconnect == 0 {
		t.SelfReconnect = 512 << 10
	}
	if o.DialContext == nil {
		o.DialContext = new(net.Dialer).DialContext
	}
	if o.Jar == nil && o.Kind == JavaScript {
		o.Jar, _ = cookiejar.New(nil)
	}
	if o.Trace == nil {
		o.Trace = func(string) {}
	}
}

// A Challenge is a 401 as the application's challenge handler sees it.
type Challenge struct {
	Location string // the URI that was asked
	Scheme   string // without "Application "
	Params   string // what follows the scheme
	Attempt  int    // 1 for the first 401
}

func parseChallenge(location, header string, attempt int) Challenge {
	c := Challenge{Location: location, Attempt: attempt}
	const application = "Application "
	if len(header) > len(application) && strings.EqualFold(header[:len(application)], application) {
		header = header[len(application):]
	}
	c.Scheme, c.Params, _ = strings.Cut(header, " ")
	return c
}

// Basic is a challenge handler that logs in by name and password, once.
func Basic(name, password string) func(Challenge) (string, bool) {
	return func(c Challenge) (string, bool) {
		token := base64.StdEncoding.EncodeToString([]byte(name + ":" + password))
		return "Basic " + token, c.Attempt == 1 && strings.EqualFold(c.Scheme, "Basic")
	}
}
