package vendorclient

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// An emulated is a WSE connection: sequential upstream requests and one
// current downstream (spec/protocol.md §6).
type emulated struct {
	o        *Options
	hc       *http.Client
	conn     *Conn
	info     about
	up, down *url.URL
	ctx      context.Context // ends with the connection
	cancel   context.CancelFunc
	done     sync.WaitGroup

	upstream upstream
	downSeq  int64
	polling  bool // a proxy was detected
}

// emulate connects by WSE.
func (o *Options) emulate(ctx context.Context, u *url.URL) (*Conn, error) {
	e := &emulated{o: o, hc: o.httpClient(o.NoBridge), conn: newConn()}
	seq := rand.Int64N(1 << 31)
	created, err := e.create(ctx, u, seq)
	if err != nil {
		e.hc.CloseIdleConnections()
		return nil, err
	}
	e.info.emulated, e.info.url = true, asWS(created)
	e.upstream.seq, e.downSeq = seq, seq
	e.upstream.wake, e.upstream.ended = make(chan struct{}, 1), make(chan struct{})
	e.ctx, e.cancel = context.WithCancel(context.WithoutCancel(ctx))
	e.conn.link = e
	e.done.Go(e.receiveLoop)
	e.done.Go(e.sendLoop)
	o.Trace("open emulated " + e.info.url.String())
	return e.conn, nil
}

// The life of a link, for [Conn].

func (e *emulated) cut() { e.cancel() }

func (e *emulated) wait() {
	e.done.Wait()
	e.hc.CloseIdleConnections()
}

func (e *emulated) about() *about { return &e.info }

// suffix and method of a create.
func (o *Options) createForm() (method, suffix, body string) {
	if o.Kind == Java {
		return http.MethodPost, "/;e/cbm", ">|<"
	}
	return http.MethodGet, "/;e/ctm", ""
}

// create asks for a connection and follows redirects and challenges.
func (e *emulated) create(ctx context.Context, u *url.URL, seq int64) (*url.URL, error) {
	o := e.o
	method, suffix, body := o.createForm()
	at := *asHTTP(u)
	at.Path, at.RawPath = strings.TrimSuffix(at.Path, "/")+suffix, ""
	buster := ".krn="
	if o.Kind == JavaScript {
		buster = ".kn="
	}
	ask := withToken(&at, buster+strconv.FormatUint(rand.Uint64(), 10))
	authorization, attempt := "", 1
	for range maxRedirects {
		o.Trace("create " + method + " " + ask.String())
		resp, err := e.createOnce(ctx, method, ask, body, seq, authorization)
		if err != nil {
			return nil, err
		}
		switch resp.StatusCode {
		case 200, 201:
			return serviceOf(resp.Request.URL, suffix), nil
		case 301, 302, 307:
			from := ask
			if ask, err = ask.Parse(resp.Header.Get("Location")); err != nil {
				return nil, err
			}
			o.Trace("redirect " + ask.String())
			if o.Kind == JavaScript && !o.Policy.allows(from, ask) {
				return nil, fmt.Errorf("%w: redirect to %s is against the policy", errFinal, ask)
			}
		case 401:
			var ok bool
			if authorization, ok = o.answer(ask.String(), resp.Header.Get("WWW-Authenticate"), attempt); !ok {
				return nil, fmt.Errorf("create challenge %q not answered", resp.Header.Get("WWW-Authenticate"))
			}
			attempt++
		default:
			return nil, fmt.Errorf("create answered %s", resp.Status)
		}
	}
	return nil, fmt.Errorf("create: more than %d answers that are no answer", maxRedirects)
}

func serviceOf(u *url.URL, suffix string) *url.URL {
	v := *u
	v.Path, _, _ = strings.Cut(v.Path, suffix)
	v.RawPath, v.RawQuery = "", ""
	return &v
}

func (e *emulated) createOnce(ctx context.Context, method string, ask *url.URL, body string, seq int64, authorization string) (*http.Response, error) {
	o := e.o
	ctx, cancel := context.WithTimeout(ctx, o.Timers.Create)
	defer cancel()
	h := http.Header{
		"X-Websocket-Version":    {"wseb-1.0"},
		"X-Accept-Commands":      {"ping"},
		"X-Sequence-No":          {strconv.FormatInt(seq, 10)},
		"X-Websocket-Extensions": {extIdle},
		"X-Websocket-Protocol":   values(strings.Join(o.Protocols, ",")),
		"Authorization":          values(authorization),
	}
	resp, err := o.exchange(ctx, e.hc, method, ask.String(), body, h, true)
	if err != nil {
		return nil, fmt.Errorf("create: %w", err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return nil, fmt.Errorf("create: %w", err)
	}
	o.Trace("create " + strconv.Itoa(resp.StatusCode))
	if resp.StatusCode/100 == 2 {
		err = e.created(resp, string(content))
	}
	return resp, err
}

// created takes the data URLs. Their hosts must be the create's.
func (e *emulated) created(resp *http.Response, body string) error {
	lines := strings.Split(body, "\n")
	if len(lines) != 3 || lines[2] != "" {
		return fmt.Errorf("create body %.200q is not two lines", body)
	}
	for i, to := range []**url.URL{&e.up, &e.down} {
		u, err := url.Parse(lines[i])
		if err != nil {
			return err
		}
		if u.Hostname() != resp.Request.URL.Hostname() {
			return fmt.Errorf("data URL %q of another host than %s", lines[i], resp.Request.URL.Host)
		}
		*to = u
	}
	e.info.protocol = resp.Header.Get("X-WebSocket-Protocol")
	if p := e.info.protocol; p != "" && !slices.Contains(e.o.Protocols, p) {
		return fmt.Errorf("subprotocol %q", p)
	}
	e.info.extensions = resp.Header.Values("X-WebSocket-Extensions")
	if e.o.Kind == JavaScript {
		at := resp.Request.URL
		e.up = &url.URL{Scheme: at.Scheme, Host: at.Host, Path: e.up.Path}
	}
	return nil
}
