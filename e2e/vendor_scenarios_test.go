//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

const (
	dirN     = "\x82\x04\xef\x83\xbfN"
	dirBareR = "\x82\x04\xef\x83\xbfR"
	marker   = "\x82\x00"
	close1k  = "\x88\x02\x03\xe8"
)

// dirR is the frame of directive R.
func dirR(uri string) string {
	return string([]byte{0x82, byte(4 + len(uri)), 0xef, 0x83, 0xbf}) + "R" + uri
}

// big is a binary frame with a 16-bit length, which counts a date that is not
// there.
func big(payload string) string {
	n := len(payload) + strings.Count(payload, "<date>")*(29-len("<date>"))
	return string([]byte{0x82, 0x7e, byte(n >> 8), byte(n)}) + payload
}

// outer101 is the head of an extended handshake's answer to key of
// extendedRequest; more are lines behind Upgrade.
func outer101(more string) string {
	return "HTTP/1.1 101 Web Socket Protocol Handshake\r\nConnection: Upgrade\r\nDate: <date>\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" +
		"Sec-WebSocket-Protocol: x-kaazing-handshake\r\nServer: Kaazing Gateway\r\nUpgrade: websocket\r\n" + more + "\r\n"
}

func inner101(extensions string) string {
	return "HTTP/1.1 101 Web Socket Protocol Handshake\r\nConnection: Upgrade\r\nDate: <date>\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" +
		extensions + "Server: Kaazing Gateway\r\nUpgrade: websocket\r\n\r\n"
}

const pingPongLine = "Sec-WebSocket-Extensions: x-kaazing-ping-pong; 01010102\r\n"

// outerRequest is the request of the examples in protocol.md §3.3.
func outerRequest(host, target, protocol string) string {
	return fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n", target, host, protocol)
}

const extendedLine = "Sec-WebSocket-Protocol: x-kaazing-handshake\r\n"

// innerRequest is the request of the examples in protocol.md §3.4: 166 bytes
// for /echo.
func innerRequest(path string) string {
	return "GET " + path + " HTTP/1.1\r\nWebSocket-Protocol: \r\nSec-WebSocket-Protocol: \r\n" +
		"Sec-WebSocket-Extensions: x-kaazing-idle-timeout,x-kaazing-ping-pong,x-kaazing-http-revalidate\r\n\r\n"
}

// dialogue sends each part of say and reads until the part of until stands at
// the end of what was received; then it reads to the end of the connection.
func dialogue(t *testing.T, addr string, say []string, until []string) string {
	t.Helper()
	c, err := plain(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	var all []byte
	buf := make([]byte, 4096)
	for i, s := range say {
		if _, err := io.WriteString(c, s); err != nil {
			t.Fatal(err)
		}
		for !bytes.HasSuffix(all, []byte(until[i])) {
			n, err := c.Read(buf)
			all = append(all, buf[:n]...)
			if err != nil {
				t.Fatalf("part %d: %v after %q", i, err, all)
			}
		}
	}
	rest, _ := io.ReadAll(c)
	return dateLine.ReplaceAllString(string(append(all, rest...)), "Date: <date>\r")
}

// TestVendorScenarios runs the balancer's scenarios of protocol.md §4.5 against
// two real members, byte by byte. M stands for the member that was chosen.
func TestVendorScenarios(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2)
	steer := props("kz:balancer.affinity", "none", "kz:balancer.mode", "redirect") + `<accept-options><ws.bind>{ip}:{port}</ws.bind></accept-options>`
	r.runCluster(`<service><name>b</name><accept>ws://{balancer}/echo</accept><type>balancer</type>` + steer + `</service>
<service><name>none b</name><accept>ws://{balancer}/none</accept><type>balancer</type>` + steer + `</service>` +
		svc("echo", "echo", "ws", "/echo", "<balance>ws://{balancer}/echo</balance>", "") +
		svc("none", "proxy", "ws", "/none", "<connect>tcp://"+r.network+".241:9</connect><balance>ws://{balancer}/none</balance>", props("maximum.recovery.interval", "1")))
	r.formedAt("/echo")
	for _, m := range r.members {
		m.waitFor("service proxy unbound", m.began, patience)
	}
	goodbye := string(frame(opClose, []byte{0x03, 0xf3}))
	status302 := func(location string) string {
		return "HTTP/1.1 302 Found\r\nDate: <date>\r\n" + location + "\r\nServer: Kaazing Gateway\r\nContent-Length: 0\r\n\r\n"
	}
	inner302 := func(m string) string {
		return "HTTP/1.1 302 Found\r\nDate: <date>\r\nlocation: http://" + m + "/echo\r\n" + pingPongLine + "Server: Kaazing Gateway\r\nContent-Length: 0\r\n\r\n"
	}
	plain503 := "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html\r\nDate: <date>\r\nRetry-After: 1\r\nServer: Kaazing Gateway\r\nContent-Length: 71\r\n\r\n" +
		"<html><head></head><body><h1>503 Service Unavailable</h1></body></html>"
	host := r.authority()
	get := func(target, lines string) string {
		return "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n" + lines + "\r\n"
	}
	for _, c := range []struct {
		name  string
		say   []string
		until []string
		want  func(m string) string // m is the authority of the member
	}{
		{"a, plain", []string{outerRequest(host, "/echo", "")}, []string{"\r\n\r\n"},
			func(m string) string { return status302("location: http://" + m + "/echo") }},
		{"a, plain, query is dropped", []string{outerRequest(host, "/echo?topic=a", "")}, []string{"\r\n\r\n"},
			func(m string) string { return status302("location: http://" + m + "/echo") }},
		{"b, .kl=Y", []string{outerRequest(host, "/echo?.kl=Y&topic=a", ""), goodbye}, []string{close1k, ""},
			func(m string) string {
				return strings.Replace(outer101(""), extendedLine, "", 1) + dirR("ws://"+m+"/echo?.kl=Y&topic=a") + close1k
			}},
		{"c, .kl=Y, no member", []string{outerRequest(host, "/none?.kl=Y", ""), goodbye}, []string{close1k, ""},
			func(string) string { return strings.Replace(outer101(""), extendedLine, "", 1) + dirBareR + close1k }},
		{"plain, no member", []string{outerRequest(host, "/none", "")}, []string{""}, func(string) string { return plain503 }},
		{"d, extended with .kl=Y", []string{outerRequest(host, "/echo?.kl=Y", extendedLine), string(frame(opText, []byte(innerRequest("/echo")))), goodbye},
			[]string{dirN, close1k, ""},
			func(m string) string {
				return outer101("") + dirN + big(inner101(pingPongLine)) + marker + dirR("ws://"+m+"/echo?.kl=Y") + close1k
			}},
		{"d, no member", []string{outerRequest(host, "/none?.kl=Y", extendedLine), string(frame(opText, []byte(innerRequest("/none")))), goodbye},
			[]string{dirN, close1k, ""},
			func(m string) string {
				return outer101("") + dirN + big(inner101(pingPongLine)) + marker + dirBareR + close1k
			}},
		{"e, extended without .kl=Y", []string{outerRequest(host, "/echo", extendedLine), string(frame(2, []byte(innerRequest("/echo")))), goodbye},
			[]string{dirN, close1k, ""},
			func(m string) string { return outer101("") + dirN + big(inner302(m)) + close1k }},
		{"e, .kv=10.05", []string{outerRequest(host, "/echo?.kv=10.05", extendedLine), string(frame(2, []byte(innerRequest("/echo")))), goodbye},
			[]string{dirN, close1k, ""},
			func(m string) string { return outer101("") + dirN + big(inner302(m)) + marker + close1k }},
		{"e, no member", []string{outerRequest(host, "/none", extendedLine), goodbye}, []string{close1k, ""},
			func(m string) string { return outer101("") + dirBareR + close1k }},
		{"f, emulated", []string{get("/echo/;e/cbm?.kn=1&topic=a", "")}, []string{""},
			func(m string) string { return status302("Location: http://" + m + "/echo/;e/cbm?topic=a") }},
		{"f, emulated by POST", []string{strings.Replace(get("/echo/;e/ct", "Content-Length: 3\r\n"), "GET", "POST", 1) + ">|<"}, []string{""},
			func(m string) string { return status302("Location: http://" + m + "/echo/;e/ct") }},
		{"f, pre-flight", []string{get("/echo/;e/cookies?.krn=42&.kl=Y", "")}, []string{""},
			func(m string) string { return status302("Location: http://" + m + "/echo?.kl=Y") }},
		{"f, unknown suffix", []string{get("/echo/;e/cxx", "")}, []string{""},
			func(string) string {
				return "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nDate: <date>\r\nServer: Kaazing Gateway\r\nContent-Length: 61\r\n\r\n" +
					"<html><head></head><body><h1>404 Not Found</h1></body></html>"
			}},
		{"f, no member", []string{get("/none/;e/cbm", "")}, []string{""}, func(string) string { return plain503 }},
		{"g, emulated and wrapped", []string{get("/echo/;e/ctm?.kn=3737770856823772", "X-Origin: http://"+host+"\r\n")}, []string{""},
			func(m string) string {
				inner := "HTTP/1.1 302 Found\r\nLocation: http://" + m + "/echo/;e/ctm\r\n\r\n"
				return "HTTP/1.1 200 OK\r\nCache-Control: no-cache\r\nContent-Length: " + itoa(len(inner)) +
					"\r\nContent-Type: text/plain;charset=UTF-8\r\nDate: <date>\r\nServer: Kaazing Gateway\r\n\r\n" + inner
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			seen := make(map[string]bool)
			for i := range 16 {
				got := dialogue(t, r.doors()[i%2], c.say, c.until)
				ok := false
				for _, m := range r.members {
					if got == c.want(m.addr()) {
						seen[m.name], ok = true, true
					}
				}
				if !ok {
					t.Fatalf("got\n%q\nwant, or the other member,\n%q", got, c.want(r.members[0].addr()))
				}
			}
			if len(seen) != 2 {
				t.Errorf("sixteen answers named only %v", seen)
			}
		})
	}
}

// formedAt waits until every member hands out all members at path.
func (r *rig) formedAt(path string) {
	r.t.Helper()
	uri := "balance URI: ws://" + r.authority() + path + " "
	for _, m := range r.members {
		eventually(r.t, 20*time.Second, func() bool {
			text := m.text(m.began)
			at := strings.LastIndex(text, uri)
			if at < 0 {
				return false
			}
			line, _, _ := strings.Cut(text[at:], "\n")
			for _, other := range r.members {
				if !strings.Contains(line, "ws://"+other.addr()+path) {
					return false
				}
			}
			return true
		}, "%s does not report all members at %s", m.name, path)
	}
}
