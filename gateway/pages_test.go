package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kzfast/kzfast/wsproto/wse"
)

// A directory with several accepts serves the same files below each path.
func TestDirectoryPaths(t *testing.T) {
	const ip = "127.0.0.61"
	s := newStage(t)
	at := hostPort(ip, freePort(t, ip))
	start(t, strings.Replace(s.directory("http://"+at+"/one", "", ""), "</accept>", "</accept><accept>http://"+at+"/two/deep/</accept>", 1))
	for _, c := range []struct {
		target string
		status int
		want   string
	}{
		{"/one/page.html", 200, "page"}, {"/two/deep/page.html", 200, "page"}, {"/two/deep/sub/", 200, "index"},
		{"/one", 302, ""}, {"/two/deep/one/page.html", 404, ""}, {"/page.html", 404, ""}, {"/onepage.html", 404, ""},
	} {
		r := get(t, at, c.target, at)
		if r.StatusCode != c.status {
			t.Errorf("%s: %s, want %d", c.target, r.Status, c.status)
		} else if got := body(t, r); c.want != "" && got != c.want {
			t.Errorf("%s: %q, want %q", c.target, got, c.want)
		}
	}
}

// kz:location.query says what becomes of the query on a directory's redirect.
func TestLocationQuery(t *testing.T) {
	const ip = "127.0.0.62"
	s := newStage(t)
	for options, want := range map[string]string{
		"": "/sub/?a=b", "<kz:location.query>drop</kz:location.query>": "/sub/",
	} {
		at := hostPort(ip, freePort(t, ip))
		start(t, s.directory("http://"+at+"/", options, ""))
		r := get(t, at, "/sub?a=b", at)
		if got := r.Header.Get("Location"); r.StatusCode != 302 || got != want {
			t.Errorf("%q: %s to %q, want 302 to %q", options, r.Status, got, want)
		}
	}
}

// tcp.maximum.outbound.rate holds for pages: they cannot come sooner.
func TestRateOfPages(t *testing.T) {
	const ip = "127.0.0.63"
	s := newStage(t)
	text := strings.Repeat("0123456789", 6000)
	if err := os.WriteFile(filepath.Join(s.web, "long.txt"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	at := hostPort(ip, freePort(t, ip))
	start(t, s.directory("http://"+at+"/", "<tcp.maximum.outbound.rate>200kB/s</tcp.maximum.outbound.rate>", ""))
	began := time.Now()
	if got := body(t, get(t, at, "/long.txt", at)); got != text {
		t.Fatalf("%d bytes, want %d", len(got), len(text))
	}
	if took := time.Since(began); took < 150*time.Millisecond {
		t.Errorf("60 kB at 200 kB/s took %v", took)
	}
}

// http.proxy trusts an https back end by the truststore and no other.
func TestSecureBackEnd(t *testing.T) {
	const ip = "127.0.0.64"
	cert, der := certificate(t, "127.0.0.1")
	back := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("secret of " + r.URL.Path))
	}))
	back.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	back.StartTLS()
	defer back.Close()
	_, other := certificate(t, "127.0.0.1")
	for _, c := range []struct {
		name    string
		store   []byte
		options string
		status  int
	}{
		{"PEM", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), "", 200},
		{"JKS", javaStoreOf(0xfeedfeed, der), "", 200},
		{"JCEKS", javaStoreOf(0xcececece, der), "", 200},
		{"another certificate", javaStoreOf(0xfeedfeed, other), "", 502},
		{"cipher suite", javaStoreOf(0xfeedfeed, der), "<ssl.ciphers>ECDHE-ECDSA-AES128-GCM-SHA256</ssl.ciphers><ssl.protocols>TLSv1.2</ssl.protocols>", 200},
		{"cipher suite of another key", javaStoreOf(0xfeedfeed, der), "<ssl.ciphers>ECDHE-RSA-AES128-GCM-SHA256</ssl.ciphers><ssl.protocols>TLSv1.2</ssl.protocols>", 502},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "trust.db")
			if err := os.WriteFile(file, c.store, 0o600); err != nil {
				t.Fatal(err)
			}
			at := hostPort(ip, freePort(t, ip))
			start(t, "<security><truststore><file>"+file+"</file></truststore></security>"+
				"<service><name>proxy</name><accept>http://"+at+"/</accept><connect>"+back.URL+"/</connect><type>http.proxy</type><connect-options>"+
				c.options+"</connect-options></service>")
			r := get(t, at, "/x", at)
			if r.StatusCode != c.status {
				t.Errorf("%s, want %d", r.Status, c.status)
			} else if got := body(t, r); c.status == 200 && got != "secret of /x" {
				t.Errorf("body %q", got)
			}
		})
	}
}

// certificate makes a key with a certificate of its own for ip.
func certificate(t *testing.T, ip string) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	from := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: ip}, IPAddresses: []net.IP{net.ParseIP(ip)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, from, from, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, der
}

// javaStoreOf writes a store that holds a private key and a trusted certificate.
func javaStoreOf(magic uint32, trusted []byte) []byte {
	text := func(b []byte, s string) []byte {
		return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
	}
	sized := func(b, v []byte) []byte { return append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...) }
	b := binary.BigEndian.AppendUint32(nil, magic)
	b = append(b, 0, 0, 0, 2, 0, 0, 0, 2)
	b = append(text(append(b, 0, 0, 0, storedKey), "key"), make([]byte, 8)...)
	b = append(sized(b, []byte("encrypted")), 0, 0, 0, 1)
	b = sized(text(b, "X.509"), []byte("chain"))
	b = append(text(append(b, 0, 0, 0, storedCert), "ca"), make([]byte, 8)...)
	b = sized(text(b, "X.509"), trusted)
	return append(b, make([]byte, 20)...)
}

// A damaged store is an error, never a panic, wherever it is cut.
func TestDamagedStore(t *testing.T) {
	_, der := certificate(t, "127.0.0.1")
	whole := javaStoreOf(0xfeedfeed, der)
	for n := range len(whole) - 20 {
		if certs, err := certificatesOfJKS(whole[:n]); err == nil && len(certs) > 0 {
			t.Fatalf("%d of %d bytes are taken for a store", n, len(whole))
		}
	}
	if certs, err := certificatesOfJKS(whole); err != nil || len(certs) != 1 || !slices.Equal(certs[0].Raw, der) {
		t.Errorf("certificates %v, %v; want the trusted one", certs, err)
	}
}

func FuzzJavaStore(f *testing.F) {
	f.Add(javaStoreOf(0xfeedfeed, []byte("x")))
	f.Fuzz(func(t *testing.T, b []byte) { certificatesOfJKS(b) })
}

func TestOpenSSLNames(t *testing.T) {
	for name, want := range map[string]string{
		"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256":         "ECDHE-RSA-AES128-GCM-SHA256",
		"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384":       "ECDHE-ECDSA-AES256-GCM-SHA384",
		"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256":   "ECDHE-RSA-CHACHA20-POLY1305",
		"TLS_RSA_WITH_AES_128_CBC_SHA":                  "AES128-SHA",
		"TLS_RSA_WITH_AES_256_GCM_SHA384":               "AES256-GCM-SHA384",
		"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA":          "ECDHE-ECDSA-AES128-SHA",
		"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
	} {
		if got := openSSLName(name); got != want {
			t.Errorf("openSSLName(%s) = %s, want %s", name, got, want)
		}
	}
}

// An idle HTTP connection is closed by its service's http.keepalive.timeout.
func TestKeepAlive(t *testing.T) {
	const ip = "127.0.0.66"
	s := newStage(t)
	at := hostPort(ip, freePort(t, ip))
	start(t, s.directory("http://"+at+"/", "<http.keepalive.timeout>1 s</http.keepalive.timeout>", ""))
	c, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	io.WriteString(c, "GET /page.html HTTP/1.1\r\nHost: "+at+"\r\n\r\n")
	all, err := io.ReadAll(c)
	if err != nil || !strings.HasSuffix(string(all), "page") {
		t.Errorf("%q, %v; want the page, then the end before %v", all, err, patience)
	}
}

// Directories may be made later than the gateway is started.
func TestDirectoryMadeLater(t *testing.T) {
	const ip = "127.0.0.51"
	s := newStage(t)
	at := hostPort(ip, freePort(t, ip))
	later := filepath.Join(s.web, "later")
	s.web = later
	start(t, s.directory("http://"+at+"/", "", ""))
	r := get(t, at, "/page.html", at)
	if text := body(t, r); r.StatusCode != 404 || text != "<html><head></head><body><h1>404 Not Found</h1></body></html>" || r.Header.Get("Server") == "" {
		t.Errorf("got %s %v %q", r.Status, r.Header, text)
	}
	if err := os.Mkdir(later, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(later, "page.html"), []byte("here"), 0o644); err != nil {
		t.Fatal(err)
	}
	if text := body(t, get(t, at, "/page.html", at)); text != "here" {
		t.Errorf("got %q", text)
	}
}

// HTTP/1.0 connections end with their answer, and stay what they are when a
// loop takes them back.
func TestOldHTTP(t *testing.T) {
	const ip = "127.0.0.52"
	s := newStage(t)
	at := hostPort(ip, freePort(t, ip))
	start(t, s.directory("http://"+at+"/", "", ""))
	c, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(c, "GET /page.html HTTP/1.0\r\nHost: %s\r\nConnection: keep-alive\r\n\r\n", at)
	if all, err := io.ReadAll(c); err != nil || strings.Contains(strings.ToLower(string(all)), "keep-alive") {
		t.Errorf("got %q, %v, want an answer and the end", all, err)
	}
}

// A method named in the query is for clients that prove where they come from.
func TestQueryMethod(t *testing.T) {
	for origin, want := range map[string]string{"": "GET", "http://page.test": "DELETE"} {
		r := httptest.NewRequest("GET", "/x?.km=D", nil)
		if origin != "" {
			r.Header.Set("X-Origin", origin)
		}
		params, _ := wse.ParseParams([]byte(r.URL.RawQuery))
		if !emulateMethod(r, &params) || r.Method != want {
			t.Errorf("origin %q: %s, want %s", origin, r.Method, want)
		}
	}
}
