//go:build linux

package e2e

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
)

const demoPage = "http://localhost:8001/"

// newBrowser starts a headless Chromium with a profile of its own; the test is
// skipped where there is none. What the page complains of is written to the
// test's log, and a breach of its content security policy fails the test.
func newBrowser(t *testing.T) context.Context {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Skip("no Chromium here (apt-get install chromium): the page is not shown to work")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.ModifyCmdFunc(func(cmd *exec.Cmd) {
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			t.Cleanup(func() {
				if cmd.Process != nil {
					syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
				}
			})
		}))
	ctx, cancel := context.WithTimeout(t.Context(), 2*demoPatience)
	t.Cleanup(cancel)
	ctx, closeBrowser := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(closeBrowser)
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(closeTab)
	return ctx
}

// listen collects what the page writes to the console. The returned function
// ends that and fails the test for what must not be there.
func listen(t *testing.T, ctx context.Context) (done func()) {
	ctx, cancel := context.WithCancel(ctx)
	messages := chromedp.Console(ctx)
	ended := make(chan struct{})
	var bad []string
	go func() {
		defer close(ended)
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.Type == chromedp.ConsoleException || strings.Contains(m.Text, "Content Security Policy") {
				bad = append(bad, m.Text)
			}
		}
	}()
	return func() {
		cancel()
		<-ended
		for _, text := range bad {
			t.Errorf("the page complains: %s", text)
		}
	}
}

func do(t *testing.T, ctx context.Context, what string, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// until waits in the page for a condition.
func until(t *testing.T, ctx context.Context, condition string) {
	t.Helper()
	do(t, ctx, condition, chromedp.Poll[chromedp.Void](condition, chromedp.WithPollingTimeout(demoPatience)))
}

// bareEchoes opens n plain sockets one after another, each as a page without
// any library would, and answers how many echoed.
const bareEchoes = `(async () => {
	let back = 0;
	for (let i = 0; i < %d; i++) {
		back += await new Promise((yes, no) => {
			const s = new WebSocket('ws://localhost:8001/echo');
			s.onopen = () => s.send('plain ' + i);
			s.onmessage = (e) => { s.close(); e.data === 'plain ' + i ? yes(1) : no(new Error('echoed ' + e.data)); };
			s.onclose = (e) => no(new Error('closed with ' + e.code));
		});
	}
	return back;
})()`

// TestBrowserPlainWebSocket shows that a page needs no library: the balancer
// URI works for a bare new WebSocket, which follows no redirect.
func TestBrowserPlainWebSocket(t *testing.T) {
	ctx := newBrowser(t)
	takeDemoPorts(t)
	runDemo(t, "--clients", "0").waitFor("cluster formed", 0, demoPatience)
	do(t, ctx, "open the page", chromedp.Navigate(demoPage))
	done := listen(t, ctx)

	const sockets = 20
	n, err := chromedp.Run(ctx, chromedp.Evaluate[int](fmt.Sprintf(bareEchoes, sockets), chromedp.EvalAwaitPromise))
	if err != nil || n != sockets {
		t.Errorf("%d of %d plain sockets echoed: %v", n, sockets, err)
	}
	do(t, ctx, "open the plain socket of the page", chromedp.Click("#bare-open"))
	until(t, ctx, `document.getElementById('bare-state').textContent === 'open'`)
	do(t, ctx, "send on it", chromedp.Click("#bare-send"))
	until(t, ctx, `document.getElementById('bare-log').textContent.includes('← hello')`)
	done()
}

// TestBrowserPageReconnects kills the member that answers the demo page, with
// the signal nothing survives, and watches the page come back.
func TestBrowserPageReconnects(t *testing.T) {
	ctx := newBrowser(t)
	takeDemoPorts(t)
	d := runDemo(t, "--clients", "0")
	d.waitFor("cluster formed", 0, demoPatience)
	do(t, ctx, "open the page", chromedp.Navigate(demoPage))
	done := listen(t, ctx)
	until(t, ctx, `document.getElementById('connection').dataset.state === 'open'`)
	until(t, ctx, `document.querySelectorAll('#dots .one, #dots .two').length === document.getElementById('dots').children.length`)

	const memberName = `document.getElementById('member').firstChild.textContent`
	name, err := chromedp.Run(ctx, chromedp.Evaluate[string](memberName))
	if err != nil {
		t.Fatal(err)
	}
	pid, ok := d.pids(t)[name]
	if !ok {
		t.Fatalf("the page names %q, the demo %v", name, d.pids(t))
	}
	syscall.Kill(pid, syscall.SIGKILL)

	until(t, ctx, `document.getElementById('connection').dataset.state === 'open' && document.getElementById('outage').textContent !== 'none'`)
	other, err := chromedp.Run(ctx, chromedp.Evaluate[string](memberName))
	if err != nil || other == name {
		t.Errorf("answered by %q after %q was killed, %v", other, name, err)
	}
	away, _ := chromedp.Run(ctx, chromedp.TextContent("#outage"))
	t.Logf("%s was killed, %s answers the page after %s", name, other, away)

	do(t, ctx, "send a message", chromedp.SendKeys("#text", "are you there?"), chromedp.Click("#form button"))
	until(t, ctx, fmt.Sprintf(`document.getElementById('log').textContent.includes('are you there?%s')`, other))
	until(t, ctx, `document.querySelectorAll('#dots .one, #dots .two').length === document.getElementById('dots').children.length`)
	until(t, ctx, fmt.Sprintf(`document.getElementById('changes').textContent.includes('%s lost')`, name))
	done()
}
