//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// nginxConfig serves files, takes uploads, says how it was asked, and sends
// upgrades on to a member's own echo.
const nginxConfig = `
daemon off; master_process off; worker_processes 1; pid %[1]s/nginx.pid; error_log stderr;
events { worker_connections 256; }
http {
  access_log off; client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  client_max_body_size 1g; keepalive_requests 100000;
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  server {
    listen %[2]s;
    location /up/files/ { alias %[1]s/files/; dav_methods PUT; create_full_put_path on; }
    location /up/headers { return 200 "host=$http_host xff=$http_x_forwarded_for xfp=$http_x_forwarded_proto xfh=$http_x_forwarded_host fwd=$http_forwarded via=$http_via conn=$connection te=$http_te x=$http_x_hop uri=$request_uri\n"; }
    location /up/moved { return 302 http://%[2]s/up/headers; }
    location /up/error { return 503 "busy\n"; }
    location /up/echo { proxy_pass http://%[3]s/echo; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; proxy_set_header Host %[3]s; }
  }
}
`

// TestSvcHTTPProxyNginx puts an http.proxy in front of nginx.
func TestSvcHTTPProxyNginx(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("nginx")
	if err != nil {
		path = "/usr/sbin/nginx"
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("nginx is not installed (apt-get install nginx-light): http.proxy in front of it is not shown here")
	}
	r := newRig(t, 1)
	m := r.members[0]
	back := fmt.Sprintf("%s.240:%d", r.network, r.freePort())
	dir := filepath.Join(r.dir, "nginx")
	if err := os.MkdirAll(filepath.Join(dir, "files"), 0o777); err != nil {
		t.Fatal(err)
	}
	// nginx runs as nobody when it is started by root.
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		_ = os.Chmod(d, 0o777)
	}
	_ = os.Chmod(filepath.Join(dir, "files"), 0o777)
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, nginxConfig, dir, back, m.addr()), 0o600); err != nil {
		t.Fatal(err)
	}
	nginx := start(t, r.dir, "nginx", nil, path, "-p", dir, "-c", conf, "-e", "stderr")
	eventually(t, patience, func() bool {
		c, err := plain(back)
		if err == nil {
			c.Close()
		}
		return err == nil || nginx.ended()
	}, "nginx does not listen")
	if nginx.ended() {
		t.Fatalf("nginx: %s", nginx.tail(5))
	}
	httpProxy := func(name, path, more string) string {
		return svc(name, "http.proxy", "http", path, "<connect>http://"+back+"/up/</connect>", more)
	}
	r.run(0, httpProxy("up", "/up/", props("use-forwarded", "inject"))+httpProxy("pass", "/pass/", "")+
		svc("refused", "http.proxy", "http", "/refused/", "<connect>http://"+r.network+".241:9/</connect>", "")+
		svc("stuck", "http.proxy", "http", "/stuck/", "<connect>http://"+newServer(t, r.network+".242", func(c net.Conn) { io.Copy(io.Discard, c) }).addr+"/</connect>",
			props("kz:response.timeout", "1"))+
		svc("liar", "http.proxy", "http", "/liar/", "<connect>http://"+newServer(t, r.network+".243", liar).addr+"/</connect>", "")+
		svc("echo", "echo", "ws", "/echo", "", ""))
	base := "http://" + m.addr()
	hc := &http.Client{Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer hc.CloseIdleConnections()
	get := func(t *testing.T, path string) (string, *http.Response) {
		t.Helper()
		resp, err := hc.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b), resp
	}

	chunks := 640 // 20 MiB
	if !testing.Short() {
		chunks = 3200 // 100 MiB
	}
	want := wanted(chunks)
	for name, length := range map[string]int64{"with its length": want.n, "chunked": -1} {
		t.Run("upload "+name, func(t *testing.T) {
			before := m.resident()
			highest := m.peak()
			pr, pw := io.Pipe()
			go func() {
				for i := range chunks {
					if _, err := pw.Write(part(i)); err != nil {
						return
					}
				}
				pw.Close()
			}()
			file := "big" + fmt.Sprint(length)
			req, _ := http.NewRequest(http.MethodPut, base+"/up/files/"+file, pr)
			req.ContentLength = length
			began := time.Now()
			resp, err := hc.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusCreated {
				t.Fatalf("PUT: %s", resp.Status)
			}
			up := time.Since(began)
			resp, err = hc.Get(base + "/up/files/" + file)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			var y tally
			drain(resp.Body, want.n+1, &y)
			if y != want || resp.ContentLength != want.n {
				t.Errorf("download: %+v of %d, want %+v", y, resp.ContentLength, want)
			}
			grown := highest() - before
			t.Logf("%d MB up in %.2f s, down in %.2f s; resident memory grew by %d KiB", want.n/1e6, up.Seconds(), (time.Since(began) - up).Seconds(), grown>>10)
			if grown > 24<<20 {
				t.Errorf("resident memory grew by %d KiB", grown>>10)
			}
		})
	}
	t.Run("headers", func(t *testing.T) {
		injected, _ := get(t, "/up/headers?a=b")
		for _, part := range []string{"host=" + back, "xff=127.0.0.1", "xfp=http", "xfh=" + m.addr(), "fwd=for=", "via=1.1 kaazing-", "te= ", "uri=/up/headers?a=b"} {
			if !strings.Contains(injected, part) {
				t.Errorf("nginx was told %q, want %q in it", injected, part)
			}
		}
		req, _ := http.NewRequest(http.MethodGet, base+"/pass/headers", nil)
		req.Header.Set("X-Forwarded-For", "192.0.2.1")
		req.Header.Set("Connection", "X-Hop")
		req.Header.Set("X-Hop", "mine")
		resp, err := hc.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		for _, part := range []string{"xff=192.0.2.1 ", "fwd= ", "x= "} {
			if !strings.Contains(string(b), part) {
				t.Errorf("nginx was told %q, want %q in it", b, part)
			}
		}
	})
	t.Run("keep-alive", func(t *testing.T) {
		back := make(map[string]int)
		for range 50 {
			text, _ := get(t, "/up/headers")
			_, rest, _ := strings.Cut(text, "conn=")
			id, _, _ := strings.Cut(rest, " ")
			back[id]++
		}
		if len(back) > 2 {
			t.Errorf("50 requests, one after the other, took %d connections to nginx: %v", len(back), back)
		}
	})
	t.Run("redirect and error", func(t *testing.T) {
		if _, resp := get(t, "/up/moved"); resp.StatusCode != 302 || resp.Header.Get("Location") != base+"/up/headers" {
			t.Errorf("moved: %s to %q, want 302 to the accept URI", resp.Status, resp.Header.Get("Location"))
		}
		if body, resp := get(t, "/up/error"); resp.StatusCode != 503 || body != "busy\n" {
			t.Errorf("error: %s %q, want nginx's own", resp.Status, body)
		}
		if _, resp := get(t, "/up/files/none"); resp.StatusCode != 404 {
			t.Errorf("missing file: %s", resp.Status)
		}
		if _, resp := get(t, "/refused/"); resp.StatusCode != 502 {
			t.Errorf("refused: %s, want 502", resp.Status)
		}
		if _, resp := get(t, "/stuck/"); resp.StatusCode != 504 {
			t.Errorf("no answer: %s, want 504", resp.Status)
		}
	})
	t.Run("body cut", func(t *testing.T) {
		resp, err := hc.Get(base + "/liar/")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if b, err := io.ReadAll(resp.Body); err == nil || string(b) != "half" {
			t.Errorf("got %q, %v; want half of it and an error", b, err)
		}
	})
	t.Run("100-continue", func(t *testing.T) {
		for _, n := range []int{10, 100 << 10} {
			c, err := plain(m.addr())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_ = c.SetDeadline(deadline())
			in := bufio.NewReader(c)
			fmt.Fprintf(c, "PUT /up/files/expect%d HTTP/1.1\r\nHost: %s\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", n, m.addr(), n)
			if n > 64<<10 {
				if r, err := readReply(in); err != nil || r.status != 100 {
					t.Fatalf("%d bytes: got %+v, %v; want 100 before the body", n, r, err)
				}
			}
			c.Write(bytes.Repeat([]byte{'x'}, n))
			r, err := readReply(in)
			for err == nil && r.status == 100 {
				r, err = readReply(in)
			}
			if err != nil || r.status != 201 {
				t.Errorf("%d bytes: got %+v, %v; want 201", n, r, err)
			}
		}
	})
	t.Run("pipelined", func(t *testing.T) {
		c, err := plain(m.addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(deadline())
		in := bufio.NewReader(c)
		var all bytes.Buffer
		for i := range 5 {
			fmt.Fprintf(&all, "GET /pass/headers?n=%d HTTP/1.1\r\nHost: %s\r\n\r\n", i, m.addr())
		}
		all.WriteString("GET /echo HTTP/1.1\r\nHost: " + m.addr() + "\r\n\r\n")
		c.Write(all.Bytes())
		for i := range 5 {
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatalf("answer %d: %v", i, err)
			}
			b, _ := io.ReadAll(resp.Body)
			if !strings.HasSuffix(string(b), fmt.Sprintf("?n=%d\n", i)) {
				t.Errorf("answer %d: %q", i, b)
			}
		}
		if resp, err := http.ReadResponse(in, nil); err != nil || resp.StatusCode != 404 {
			t.Errorf("answer to the request for the WebSocket's path: %+v, %v; want 404", resp, err)
		}
	})
	t.Run("upgrade", func(t *testing.T) {
		// Client, http.proxy, nginx, and our own echo at the end.
		c := m.connect(t, "/up/echo")
		for _, n := range []int{0, 5, 70000} {
			if err := c.echo(strings.Repeat("e", n)); err != nil {
				t.Fatalf("%d bytes: %v", n, err)
			}
		}
		c.send(opClose, []byte{0x03, 0xe8})
		if code, err := c.ends(); code != 1000 {
			t.Errorf("close: %d, %v", code, err)
		}
	})
}

// liar promises more than it sends.
func liar(c net.Conn) {
	defer c.Close()
	if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
	}
}

// TestSvcDirectory serves files: whole, in part, when changed, and none from
// outside.
func TestSvcDirectory(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	m := r.members[0]
	root := filepath.Join(r.dir, "root")
	for name, text := range map[string]string{"index.html": "<p>welcome", "js/app.js": "0123456789", "data.bin": "x", "../secret": "s", "hidden/.env": "e"} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../secret", filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	r.run(0, svc("files", "directory", "http", "/", "", "<properties><directory>file://"+root+"</directory><welcome-file>index.html</welcome-file>"+
		"<location><patterns>**/*.js</patterns><cache-control>max-age=60</cache-control></location><kz:range>on</kz:range></properties>")+svc("echo", "echo", "ws", "/echo", "", ""))
	ask := func(method, target string, lines ...string) (*http.Response, string) {
		t.Helper()
		c, err := plain(m.addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(deadline())
		fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\n", method, target, m.addr(), strings.Join(append(lines, ""), "\r\n"))
		resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
		if err != nil {
			t.Fatalf("%s %s: %v", method, target, err)
		}
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatalf("%s %s: %v", method, target, err)
		}
		return resp, string(b)
	}
	whole, _ := ask("GET", "/js/app.js")
	etag, changed := whole.Header.Get("ETag"), whole.Header.Get("Last-Modified")
	for _, c := range []struct {
		name, method, target string
		lines                []string
		status               int
		body, header, value  string
	}{
		{"welcome", "GET", "/", nil, 200, "<p>welcome", "Content-Type", "text/html"},
		{"file", "GET", "/js/app.js", nil, 200, "0123456789", "Content-Type", "text/javascript"},
		{"pattern", "GET", "/js/app.js", nil, 200, "0123456789", "Cache-Control", "max-age=60"},
		{"decoded", "GET", "/js/%61pp.js", nil, 200, "0123456789", "", ""},
		{"unmapped type", "GET", "/data.bin", nil, 200, "x", "Content-Type", ""},
		{"head", "HEAD", "/js/app.js", nil, 200, "", "Content-Length", "10"},
		{"post", "POST", "/js/app.js", []string{"Content-Length: 0"}, 405, "*", "", ""},
		{"none match", "GET", "/js/app.js", []string{"If-None-Match: \"x\", " + etag}, 304, "", "ETag", etag},
		{"none match, star", "GET", "/js/app.js", []string{"If-None-Match: *"}, 304, "", "", ""},
		{"not modified", "GET", "/js/app.js", []string{"If-Modified-Since: " + changed}, 304, "", "Last-Modified", changed},
		{"modified", "GET", "/js/app.js", []string{"If-Modified-Since: Mon, 01 Jan 2001 00:00:00 GMT"}, 200, "0123456789", "", ""},
		{"no match", "GET", "/js/app.js", []string{"If-Match: \"other\""}, 412, "*", "", ""},
		{"range", "GET", "/js/app.js", []string{"Range: bytes=2-4"}, 206, "234", "Content-Range", "bytes 2-4/10"},
		{"range, last", "GET", "/js/app.js", []string{"Range: bytes=-3"}, 206, "789", "Content-Range", "bytes 7-9/10"},
		{"range, beyond", "GET", "/js/app.js", []string{"Range: bytes=20-"}, 416, "*", "Content-Range", "bytes */10"},
		{"missing", "GET", "/none", nil, 404, "*", "", ""},
		{"directory", "GET", "/js", nil, 302, "", "Location", "/js/"},
		{"no welcome file", "GET", "/js/", nil, 404, "*", "", ""},
		{"traversal", "GET", "/../secret", nil, 400, "*", "", ""},
		{"encoded traversal", "GET", "/%2e%2e/secret", nil, 400, "*", "", ""},
		{"encoded slash", "GET", "/js/..%2f..%2fsecret", nil, 400, "*", "", ""},
		{"NUL", "GET", "/js/app.js%00", nil, 400, "*", "", ""},
		{"link outside", "GET", "/link", nil, 404, "*", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, body := ask(c.method, c.target, c.lines...)
			if resp.StatusCode != c.status || c.body != "*" && body != c.body {
				t.Errorf("got %s %q, want %d %q", resp.Status, body, c.status, c.body)
			}
			if c.header != "" && resp.Header.Get(c.header) != c.value {
				t.Errorf("%s: %q, want %q", c.header, resp.Header.Get(c.header), c.value)
			}
			if strings.Contains(body, "secret") {
				t.Errorf("body %q", body)
			}
		})
	}
}
