package wsproto

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"
)

// FuzzRequest uses net/http as the oracle: what Parse accepts, http.ReadRequest
// accepts too, with the same method, version, path, query, host, length and
// header lines. Differences that are meant, in which Parse goes its own way:
//
//   - "//" in a path is collapsed (protocol.md §1.1); compared after collapsing.
//   - An empty path of an absolute target is "/".
//   - Authority is in lower case, and is Host when the absolute form leaves the
//     port to the scheme's default.
//   - net/http drops Host from the headers and Content-Length of a request
//     without content is 0.
//   - net/http derives a Cache-Control from `Pragma: no-cache`.
//   - A folded value (option) is compared without its inner blanks.
func FuzzRequest(f *testing.F) {
	f.Add(browserHead, false)
	for _, s := range []string{
		head("GET /a%62//c?x=%zz HTTP/1.1", "Host: LOCALhost:80"),
		head("POST http://h/x HTTP/1.1", "Host: h:80", "Content-Length: 3"),
		head("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked"),
		head("GET http://[::1]:80?q HTTP/1.0"),
		head("CONNECT h:443 HTTP/1.1", "Host: h:443"),
		head("OPTIONS * HTTP/1.1", "Host: h"),
		head("GET / HTTP/1.1", "Host: h", "A: b", " c"),
		head("GET / HTTP/1.1", "Host: h", "Content-Length: 1", "Content-Length: 1"),
		head("GET / HTTP/1.1", "Host: h", "Content-Length: 1", "Transfer-Encoding: chunked"),
		head("GET / HTTP/1.1", "Host : h"),
		"GET / HTTP/1.1\nHost: h\n\n",
		"GET / HTTP/1.1\r\nHost: h\r\n\r\n\r\n",
	} {
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, in []byte, fold bool) {
		lim := HeadLimits{MaxBytes: 1000, MaxHeaders: 20, MaxTarget: 200, ObsFold: fold}
		r, n, status := parseEverySplit(t, string(in), lim)
		if status != 0 || n == 0 {
			return
		}
		if n > lim.MaxBytes || len(r.Headers()) > lim.MaxHeaders || len(r.Target) > lim.MaxTarget {
			t.Fatalf("limits passed: %d bytes, %d headers, target %d", n, len(r.Headers()), len(r.Target))
		}
		h, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(in[:n])))
		if err != nil {
			t.Fatalf("net/http refuses %q: %v", in[:n], err)
		}
		compareWithHTTP(t, r, h, fold)
	})
}

func compareWithHTTP(t *testing.T, r *Request, h *http.Request, fold bool) {
	t.Helper()
	check := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Fatalf("%s %q, net/http %q (target %q)", what, got, want, r.Target)
		}
	}
	check("method", string(r.Method), h.Method)
	check("target", string(r.Target), h.RequestURI)
	if h.ProtoMajor != 1 || h.ProtoMinor != r.Minor {
		t.Fatalf("version 1.%d, net/http %s", r.Minor, h.Proto)
	}
	if r.form != authorityForm {
		path := h.URL.Path
		for strings.Contains(path, "//") {
			path = strings.ReplaceAll(path, "//", "/")
		}
		if path == "" {
			path = "/"
		}
		check("path", string(r.Path), path)
		check("query", string(r.RawQuery), h.URL.RawQuery)
	}
	if host := []byte(h.Host); !equalFold(r.Authority, h.Host) && !sameAuthority(r.Authority, host, r.scheme) {
		t.Fatalf("host %q, net/http %q", r.Authority, h.Host)
	}
	length := h.ContentLength
	if r.Chunked {
		if length != -1 || len(h.TransferEncoding) != 1 {
			t.Fatalf("chunked, net/http length %d, coding %v", length, h.TransferEncoding)
		}
	} else if max(r.ContentLength, 0) != length {
		t.Fatalf("length %d, net/http %d", r.ContentLength, length)
	}
	if r.Close != h.Close && r.Minor != 0 {
		t.Fatalf("close %v, net/http %v", r.Close, h.Close)
	}
	got := http.Header{}
	for _, f := range r.Headers() {
		if name := string(f.Name); !strings.EqualFold(name, "Host") && !strings.EqualFold(name, "Transfer-Encoding") {
			got.Add(name, string(f.Value))
		}
	}
	if got["Pragma"] != nil && got["Cache-Control"] == nil {
		delete(h.Header, "Cache-Control")
	}
	for name, values := range h.Header {
		want, mine := strings.Join(values, "\n"), strings.Join(got[name], "\n")
		if fold {
			want, mine = squeeze(want), squeeze(mine)
		}
		check("header "+name, mine, want)
		delete(got, name)
	}
	for name := range got {
		// net/http moves a Trailer announcement out of the header.
		if name != "Trailer" {
			t.Fatalf("header %s is unknown to net/http", name)
		}
	}
}

func squeeze(s string) string { return strings.NewReplacer(" ", "", "\t", "").Replace(s) }
