package vendorclient

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// preflight is the Java client's question before it connects: it gets cookies,
// or the member to connect to.
func (o *Options) preflight(ctx context.Context, u *url.URL) (_ *url.URL, cookie string, err error) {
	ask := withToken(asHTTP(u), ".krn="+strconv.FormatUint(rand.Uint64(), 10))
	ask = withLegacyToken(ask)
	ask.Path = strings.TrimSuffix(ask.Path, "/") + "/;e/cookies"
	ask.RawPath = ""
	hc := o.httpClient(false)
	defer hc.CloseIdleConnections()
	authorization := ""
	for attempt := 1; ; attempt++ {
		o.Trace("preflight " + ask.String())
		resp, err := o.exchange(ctx, hc, http.MethodGet, ask.String(), "", http.Header{"Authorization": values(authorization)}, true)
		if err != nil {
			return nil, "", fmt.Errorf("pre-flight: %w", err)
		}
		body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
		resp.Body.Close()
		if err != nil {
			return nil, "", fmt.Errorf("pre-flight: %w", err)
		}
		o.Trace("preflight " + strconv.Itoa(resp.StatusCode))
		switch resp.StatusCode {
		case 200, 201:
			return u, string(body), nil
		case 301, 302, 307:
			to, err := ask.Parse(resp.Header.Get("Location"))
			if err != nil {
				return nil, "", err
			}
			o.Trace("redirect " + to.String())
			return withLegacyToken(asWS(to)), "", nil
		case 401:
			var ok bool
			if authorization, ok = o.answer(u.String(), resp.Header.Get("WWW-Authenticate"), attempt); !ok {
				return nil, "", fmt.Errorf("%w: pre-flight challenge not answered", errFinal)
			}
		default:
			return nil, "", fmt.Errorf("pre-flight answered %s", resp.Status)
		}
	}
}

func values(v string) []string {
	if v == "" {
		return nil
	}
	return []string{v}
}
