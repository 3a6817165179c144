package vendorclient

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// httpClient makes the client for one connection's requests. Only a browser
// that may leave its page's origin follows redirects by itself.
func (o *Options) httpClient(follow bool) *http.Client {
	c := &http.Client{Transport: &http.Transport{DialContext: o.DialContext, DisableCompression: true, DisableKeepAlives: o.NoKeepAlive}}
	if o.Kind == JavaScript {
		c.Jar = o.Jar
	}
	if !follow {
		c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return c
}

// bridged reports whether requests come from a bridge page, whose answers are
// wrapped.
func (o *Options) bridged() bool { return o.Kind == JavaScript && !o.NoBridge }

// exchange makes one request. Its answer is unwrapped when it is wrapped; peek
// is for answers that may be, without the client having asked for it.
func (o *Options) exchange(ctx context.Context, hc *http.Client, method, uri, body string, h http.Header, peek bool) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, uri, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, v := range h {
		if len(v) > 0 {
			r.Header[name] = v
		}
	}
	page := o.Origin
	if page == "" {
		page = origin(r.URL)
	}
	switch {
	case o.bridged():
		r.Header.Set("X-Origin", page)
		r.Header.Set("X-Origin-"+url.QueryEscape(page), page)
	case o.Kind == JavaScript:
		r.Header.Set("Origin", page)
	}
	resp, err := hc.Do(r)
	if err != nil {
		return nil, err
	}
	if !o.bridged() && !peek {
		return resp, nil
	}
	return unwrap(resp, o.bridged())
}

// A wrapped body is closed with the outer one.
type wrapped struct {
	io.Reader
	outer io.Closer
}

func (w *wrapped) Close() error { return w.outer.Close() }

const innerStart = "HTTP/1.1 "

// unwrap takes the inner response out of the body of an outer one
// (spec/protocol.md §1.9). must says that an outer 200 cannot be anything else.
func unwrap(outer *http.Response, must bool) (*http.Response, error) {
	r := bufio.NewReaderSize(outer.Body, 64<<10)
	start, err := r.Peek(len(innerStart))
	if string(start) != innerStart {
		if must && outer.StatusCode == http.StatusOK {
			outer.Body.Close()
			return nil, fmt.Errorf("answer is not wrapped, it begins %q: %w", start, err)
		}
		outer.Body = &wrapped{r, outer.Body}
		return outer, nil
	}
	inner, err := http.ReadResponse(r, outer.Request)
	if err == nil && outer.StatusCode != http.StatusOK && outer.StatusCode != inner.StatusCode {
		err = fmt.Errorf("outer status %d around inner %d", outer.StatusCode, inner.StatusCode)
	}
	if err == nil && inner.StatusCode == http.StatusNotFound && outer.StatusCode != http.StatusNotFound {
		err = errors.New("inner 404 inside an outer 200")
	}
	if err != nil {
		outer.Body.Close()
		return nil, err
	}
	inner.Body = &wrapped{r, outer.Body}
	return inner, nil
}

// replayCookies hands inner Set-Cookie values to the browser, which cannot see
// them, through the cookie helper (spec/protocol.md §1.10).
func (h *shaking) replayCookies(resp *http.Response) {
	cookies := resp.Header.Values("Set-Cookie")
	if h.o.Kind != JavaScript || len(cookies) == 0 {
		return
	}
	u := *asHTTP(h.u)
	u.Path, u.RawPath, u.RawQuery = strings.TrimSuffix(u.Path, "/")+"/;api/set-cookies", "", ""
	hc := h.o.httpClient(true)
	defer hc.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), h.o.Timers.Create)
	defer cancel()
	answer, err := h.o.exchange(ctx, hc, http.MethodPost, u.String(), strings.Join(cookies, "\r\n"),
		http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, false)
	if err != nil {
		h.o.Trace("set-cookies: " + err.Error())
		return
	}
	answer.Body.Close()
	h.o.Trace(fmt.Sprintf("set-cookies %d", answer.StatusCode))
}
