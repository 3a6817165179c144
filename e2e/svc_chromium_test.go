//go:build linux

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// browser starts a headless Chromium; every script has a tab of its own.
func browser(t *testing.T, rules string) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Skip("chromium is not installed (apt-get install chromium): browsers are not shown here")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(testFolder(t)),
		chromedp.Flag("proxy-server", "direct://"), chromedp.Flag("host-resolver-rules", rules),
		chromedp.WSURLReadTimeout(30*time.Second))
	alloc, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("chromium does not start: %v", err)
	}
	return ctx
}

// script runs an async function in a tab of its own on a page and decodes what
// it resolves to.
func script(t *testing.T, ctx context.Context, page, body string, out any) {
	t.Helper()
	tab, cancel := chromedp.NewContext(ctx)
	defer cancel()
	tab, stop := context.WithTimeout(tab, 2*patience)
	defer stop()
	if err := chromedp.Do(tab, chromedp.Navigate(page)); err != nil {
		t.Fatalf("%s: %v", page, err)
	}
	text, err := chromedp.Run(tab, chromedp.Evaluate[string](
		"(async () => { try { return JSON.stringify({ok: await (async () => {"+body+"})()}) } catch (e) { return JSON.stringify({bad: String(e)}) } })()",
		chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", page, err)
	}
	var result struct {
		OK  json.RawMessage
		Bad string
	}
	if err := json.Unmarshal([]byte(text), &result); err != nil || result.Bad != "" {
		t.Fatalf("script: %s", text)
	}
	if err := json.Unmarshal(result.OK, out); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// pages is a directory service with one page, for the origin.
func (r *rig) pages(host string) string {
	r.t.Helper()
	dir := filepath.Join(r.dir, "pages")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "index.html"), []byte("<!doctype html><title>e2e</title>"), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return fmt.Sprintf("<service><name>pages %s</name><accept>http://%s:{port}/</accept><type>directory</type><properties><directory>file://%s</directory><welcome-file>index.html</welcome-file></properties>%s</service>\n",
		host, host, dir, options("http.bind", "{ip}:{port}"))
}

// echoScript opens a WebSocket and echoes texts and binaries.
const echoScript = `
	const open = url => new Promise((ok, bad) => {
		const ws = new WebSocket(url);
		ws.binaryType = 'arraybuffer';
		ws.onopen = () => ok(ws);
		ws.onclose = e => bad(new Error('closed ' + e.code));
	});
	const next = ws => new Promise((ok, bad) => {
		ws.onmessage = e => ok(e.data);
		ws.onclose = e => bad(new Error('closed ' + e.code));
	});
	const closed = ws => new Promise(ok => { ws.onclose = e => ok({code: e.code, reason: e.reason, clean: e.wasClean}); });
	const echo = async (ws, data) => {
		const due = next(ws);
		ws.send(data);
		const got = await due;
		const same = typeof data === 'string' ? got === data :
			got.byteLength === data.byteLength && new Uint8Array(got).every((c, i) => c === new Uint8Array(data)[i]);
		if (!same) throw new Error('echo differs');
	};
`

// TestChromium is the part of the wire that only a browser can judge.
func TestChromium(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	m := r.members[0]
	two := newRig(t, 2)
	ctx := browser(t, "MAP balancer.example.com "+two.members[0].ip)
	st := newStation(t, r.network+".240")
	r.run(0, r.pages("{ip}")+svc("echo", "echo", "ws", "/echo", "", "")+
		svc("packed", "echo", "ws", "/packed", "", options("kz:ws.compression", "enabled"))+
		svc("mild", "echo", "ws", "/mild", "", options("ws.inactivity.timeout", "1s"))+
		broadcastOf("/news", "tcp://"+st.addr))
	page := "http://" + m.addr() + "/"
	for path, extension := range map[string]string{"/echo": "", "/packed": "permessage-deflate"} {
		t.Run("websocket "+path[1:], func(t *testing.T) {
			t.Parallel()
			var got struct {
				Extensions string
				Closed     struct {
					Code   int
					Reason string
					Clean  bool
				}
			}
			script(t, ctx, page, echoScript+`
				const ws = await open('ws://'+location.host+'`+path+`');
				await echo(ws, 'grüße €');
				for (const n of [0, 1, 125, 126, 65535, 65536, 131072]) {
					await echo(ws, 'x'.repeat(n));
					await echo(ws, new Uint8Array(n).map((_, i) => i * 7).buffer);
				}
				for (let i = 0; i < 200; i++) await echo(ws, 'message number ' + i + ' of a stream that compresses well');
				const extensions = ws.extensions, end = closed(ws);
				ws.close(4321, 'over');
				return {extensions, closed: await end};`, &got)
			name, _, _ := strings.Cut(got.Extensions, ";")
			if extension != "" && name == "" {
				t.Skip("kz:ws.compression is not negotiated: compression in a browser is not shown here")
			}
			if name != extension {
				t.Errorf("extensions %q, want %q", got.Extensions, extension)
			}
			if got.Closed.Code != 4321 || got.Closed.Reason != "over" || !got.Closed.Clean {
				t.Errorf("onclose: %+v", got.Closed)
			}
		})
	}
	t.Run("alive by pings", func(t *testing.T) {
		t.Parallel()
		heavy(t)
		var got bool
		script(t, ctx, page, echoScript+`
			const ws = await open('ws://'+location.host+'/mild');
			await new Promise(ok => setTimeout(ok, 3000));
			await echo(ws, 'still here');
			return true;`, &got)
	})
	t.Run("subprotocol nobody speaks", func(t *testing.T) {
		t.Parallel()
		var got string
		script(t, ctx, page, `return await new Promise(ok => {
			const ws = new WebSocket('ws://'+location.host+'/echo', ['unheard.of']);
			ws.onopen = () => ok('open');
			ws.onclose = e => ok('closed ' + e.code);
		});`, &got)
		if got != "closed 1006" {
			t.Errorf("got %s; a browser has to fail the connection", got)
		}
	})
	t.Run("eventsource", func(t *testing.T) {
		t.Parallel()
		st.heard(1)
		speaking := make(chan struct{})
		stop := make(chan struct{})
		go func() {
			defer close(speaking)
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(20 * time.Millisecond):
					st.say(fmt.Appendf(nil, "news %d\nin two lines", i))
				}
			}
		}()
		var got []string
		script(t, ctx, page, `return await new Promise((ok, bad) => {
			const es = new EventSource('/events/news'), list = [];
			es.onmessage = e => { list.push(e.data); if (list.length === 20) { es.close(); ok(list); } };
			es.onerror = e => bad(new Error('error, state ' + es.readyState));
		});`, &got)
		close(stop)
		<-speaking
		first := 0
		fmt.Sscanf(got[0], "news %d", &first)
		for i, s := range got {
			if want := fmt.Sprintf("news %d\nin two lines", first+i); s != want {
				t.Errorf("event %d: %q, want %q", i, s, want)
			}
		}
	})
	t.Run("balanced", func(t *testing.T) {
		t.Parallel()
		two.chromiumBalanced(t, ctx)
	})
	t.Run("emulation by fetch", func(t *testing.T) {
		t.Parallel()
		var got []string
		script(t, ctx, page, longPollScript, &got)
		for i, s := range got {
			if want := fmt.Sprintf("message %d €", i); s != want {
				t.Errorf("message %d: %q, want %q", i, s, want)
			}
		}
		if len(got) != 20 {
			t.Errorf("%d messages, want 20", len(got))
		}
	})
}

// longPollScript is a WSE client of the page's own (protocol.md §6): binary
// mixed encoding, every downstream a long-poll.
const longPollScript = `
	const RECONNECT = [1, 0x30, 0x31, 0xff], CLOSE = [1, 0x30, 0x32, 0xff];
	let up = 7, down = 7;
	const created = await fetch('/echo/;e/cbm', {method: 'POST', headers: {'X-WebSocket-Version': 'wseb-1.0', 'X-Sequence-No': '7'}});
	if (created.status !== 201) throw new Error('create ' + created.status);
	const [upURL, downURL] = (await created.text()).split('\n');
	const send = async frames => {
		const r = await fetch(upURL, {method: 'POST', body: new Uint8Array([...frames, ...RECONNECT]),
			headers: {'Content-Type': 'application/octet-stream', 'X-Sequence-No': String(++up)}});
		if (r.status !== 200) throw new Error('upstream ' + r.status);
	};
	const poll = async () => {
		const r = await fetch(downURL + '?.ki=p', {headers: {'X-Sequence-No': String(++down)}});
		if (r.status !== 200) throw new Error('downstream ' + r.status);
		if (!r.headers.get('Content-Length')) throw new Error('a long-poll without Content-Length');
		return new Uint8Array(await r.arrayBuffer());
	};
	const text = s => { const p = new TextEncoder().encode(s); return [0x81, p.length, ...p]; };
	const list = [];
	let ended = false;
	const reading = (async () => {
		while (!ended) {
			const p = await poll();
			for (let i = 0; i < p.length;) {
				if (p[i] === 0x81) {
					list.push(new TextDecoder().decode(p.subarray(i + 2, i + 2 + p[i + 1])));
					i += 2 + p[i + 1];
				} else if (p[i] === 1) {
					if (p[i + 2] === 0x32) ended = true;
					i += 4;
				} else {
					throw new Error('frame type ' + p[i]);
				}
			}
			if (p.length < 4 || p[p.length - 2] !== 0x31) throw new Error('no RECONNECT at the end');
		}
	})();
	for (let i = 0; i < 20; i++) await send(text('message ' + i + ' €'));
	while (list.length < 20) await new Promise(ok => setTimeout(ok, 10));
	await send(CLOSE);
	await reading;
	return list;`

// chromiumBalanced runs a page of the balancer's host: it may open sockets on
// the members, to which directives send it.
func (r *rig) chromiumBalanced(t *testing.T, ctx context.Context) {
	r.runCluster(balancedEcho + r.pages("balancer.example.com"))
	r.formedAt("/echo")
	var got []string
	script(t, ctx, "http://"+r.authority()+"/", echoScript+`
		const seen = [];
		for (let i = 0; i < 8; i++) {
			let url = 'ws://'+location.host+'/echo?.kl=Y', ws;
			for (;;) {
				ws = new WebSocket(url);
				ws.binaryType = 'arraybuffer';
				const first = new TextDecoder().decode(await next(ws));
				if (first === '\uf0ffN') break;
				if (!first.startsWith('\uf0ffR')) throw new Error('first message ' + first);
				url = first.slice(2);
			}
			await echo(ws, 'through the balancer');
			seen.push(url);
			ws.close();
		}
		return seen;`, &got)
	for _, url := range got {
		if r.byURI(strings.TrimSuffix(url, "?.kl=Y")) == nil {
			t.Errorf("served at %s", url)
		}
		if url != got[0] {
			t.Errorf("served at %s in spite of the cookie of %s", url, got[0])
		}
	}
}
