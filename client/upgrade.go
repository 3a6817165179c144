package client

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kzfast/kzfast/wsproto"
)

// maxAnswer bounds the head of the server's answer, in bytes.
const maxAnswer = 64 << 10

// maxRetryAfter bounds what a server may ask for.
const maxRetryAfter = time.Hour

// An answer is a response head that outlives its buffer.
type answer struct {
	status int
	reason string
	header http.Header
}

// shake sends the handshake for u and reads the answer; rest holds what came
// behind it.
func (d *dialer) shake(c net.Conn, u *url.URL) (a *answer, rest []byte, err error) {
	h, err := d.handshake(u)
	if err != nil {
		return nil, nil, err
	}
	request, err := h.Append(nil)
	if err != nil {
		return nil, nil, err
	}
	if _, err := c.Write(request); err != nil {
		return nil, nil, err
	}
	var r wsproto.Response
	rest, err = readHead(c, &r)
	if err != nil {
		return nil, nil, err
	}
	a = &answer{r.Status, string(r.Reason), http.Header{}}
	for _, f := range r.Headers() {
		a.header.Add(string(f.Name), string(f.Value))
	}
	d.o.Jar.SetCookies(webURL(u), (&http.Response{Header: a.header}).Cookies())
	if r.Status == http.StatusSwitchingProtocols {
		if _, err := h.Check(&r); err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrHandshake, err)
		}
	}
	return a, rest, nil
}

// handshake collects what the request for u says.
func (d *dialer) handshake(u *url.URL) (*wsproto.Handshake, error) {
	var nonce [16]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return nil, err
	}
	h := &wsproto.Handshake{
		Host: u.Host, Target: u.RequestURI(), Key: wsproto.Key(nonce),
		Origin: d.o.Origin, Protocols: d.o.Subprotocols,
	}
	var cookies []string
	for _, c := range d.o.Jar.Cookies(webURL(u)) {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	h.Cookie = strings.Join(cookies, "; ")
	for name, values := range d.o.Header {
		for _, v := range values {
			h.Headers = append(h.Headers, wsproto.Field{Name: []byte(name), Value: []byte(v)})
		}
	}
	if u.User != nil && d.o.Header.Get("Authorization") == "" {
		password, _ := u.User.Password()
		pair := base64.StdEncoding.EncodeToString([]byte(u.User.Username() + ":" + password))
		h.Headers = append(h.Headers, wsproto.Field{Name: []byte("Authorization"), Value: []byte("Basic " + pair)})
	}
	return h, nil
}

// readHead reads the final response head, past interim ones, and returns the
// bytes behind it. r aliases a buffer of its own.
func readHead(c net.Conn, r *wsproto.Response) (rest []byte, err error) {
	lim := wsproto.HeadLimits{MaxBytes: maxAnswer}
	var b []byte
	for {
		b = slices.Grow(b, readBytes)
		n, err := c.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if n == 0 && err != nil {
			return nil, err
		}
		for {
			head, err := r.Parse(b, lim)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", ErrHandshake, err)
			}
			if head == 0 {
				break
			}
			if r.Status >= 200 || r.Status == http.StatusSwitchingProtocols {
				return b[head:], nil
			}
			b = b[head:]
		}
	}
}

// location returns the target of a redirect that is followed, else "".
func (a *answer) location() string {
	switch a.status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return a.header.Get("Location")
	}
	return ""
}

func (a *answer) refusal(now time.Time) *StatusError {
	e := &StatusError{Code: a.status, Reason: a.reason, Header: a.header}
	if e.Code == http.StatusServiceUnavailable || e.Code == http.StatusTooManyRequests {
		e.RetryAfter = retryAfter(a.header.Get("Retry-After"), now)
	}
	return e
}

// retryAfter reads seconds or a date (RFC 9110 §10.2.3); nonsense counts as 0.
func retryAfter(v string, now time.Time) time.Duration {
	var d time.Duration
	if n, err := strconv.ParseUint(v, 10, 31); err == nil {
		d = time.Duration(n) * time.Second
	} else if t, err := http.ParseTime(v); err == nil {
		d = t.Sub(now)
	}
	return min(max(d, 0), maxRetryAfter)
}
