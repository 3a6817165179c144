//go:build linux

package e2e

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// publicFleet is two members behind one balancer address, for clients that
// know nothing of ours and resolve no names of ours.
func publicFleet(t *testing.T, balancer ...setting) *fleet {
	t.Helper()
	f := newFleet(t, fleetSpec{Members: 2, Shared: true, Discovery: multicast, Balancer: balancer})
	f.start()
	return f
}

// TestA2ForeignClients lets clients that people use in by the balancer URI,
// several times each, and checks that a member has answered them.
func TestA2ForeignClients(t *testing.T) {
	standard := publicFleet(t)
	inWS := publicFleet(t, setting{"kz:balancer.mode", "redirect"}, setting{"kz:balancer.location", "ws"})
	for _, c := range []struct {
		name    string
		fleet   *fleet
		relayed bool // the client stays connected to the balancer's address
		run     func(t *testing.T, uri, text string) (peer string)
	}{
		{"Node ws", standard, false, nodeWS},
		{"Python websockets", standard, false, python("sockets.py")},
		{"Python websocket-client", standard, true, python("client.py")},
		{"Node ws, ws Location", inWS, false, nodeWS},
		{"Python websockets, ws Location", inWS, false, python("sockets.py")},
		{"Python websocket-client, ws Location", inWS, false, python("client.py")},
	} {
		t.Run(c.name, func(t *testing.T) {
			began := time.Now()
			const rounds = 3
			for i := range rounds {
				peer := c.run(t, c.fleet.uri(), fmt.Sprintf("round %d of %s", i, c.name))
				if c.relayed && peer == c.fleet.authority() {
					continue
				}
				if m := c.fleet.byURI("ws://" + peer + "/echo"); m == nil || c.relayed {
					t.Errorf("echoed by %q; members are %s, the balancer is %s", peer, c.fleet.doorsOfMembers(), c.fleet.authority())
				}
			}
			t.Logf("%s: %d rounds through the balancer in %.1f s", c.name, rounds, time.Since(began).Seconds())
		})
	}
}

func (f *fleet) doorsOfMembers() string {
	var list []string
	for _, m := range f.members {
		list = append(list, m.addr())
	}
	return strings.Join(list, ", ")
}

// TestA2NodeWithoutRedirects shows that the clients above reach their member
// by following: without, the same script fails.
func TestA2NodeWithoutRedirects(t *testing.T) {
	f := publicFleet(t)
	modules(t)
	out, err := exec.Command("node", "node/ws.js", f.uri(), "text", "0").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "302") {
		t.Errorf("followRedirects off: %v, %q; want a failure by 302", err, out)
	}
}

// TestA2Curl follows the 302 with curl and upgrades at the member.
func TestA2Curl(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("no curl: not shown here")
	}
	f := publicFleet(t)
	p := start(t, f.dir, "curl", nil, "curl", "--silent", "--verbose", "--location", "--http1.1",
		"--max-time", "20", "--header", "Connection: Upgrade", "--header", "Upgrade: websocket",
		"--header", "Sec-WebSocket-Version: 13", "--header", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
		strings.Replace(f.uri(), "ws:", "http:", 1))
	p.waitFor("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", 0, patience)
	p.kill()
	inOrder(t, p.text(0), "< HTTP/1.1 302 Found", "< location: http://"+f.network, "< HTTP/1.1 101 Web Socket Protocol Handshake")
}

// nodeWS runs package ws of Node.
func nodeWS(t *testing.T, uri, text string) string {
	t.Helper()
	modules(t)
	out := output(t, exec.Command("node", "node/ws.js", uri, text))
	peer, _ := strings.CutPrefix(out, "ws://")
	peer, _ = strings.CutPrefix(peer, "http://")
	peer, _ = strings.CutSuffix(peer, "/echo")
	return peer
}

// python runs a script with the libraries of python/requirements.txt.
func python(script string) func(t *testing.T, uri, text string) string {
	return func(t *testing.T, uri, text string) string {
		t.Helper()
		path := packages(t)
		cmd := exec.Command("python3", filepath.Join("python", script), uri, text)
		cmd.Env = append(os.Environ(), "PYTHONPATH="+path, "PYTHONDONTWRITEBYTECODE=1")
		return output(t, cmd)
	}
}

func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var errors strings.Builder
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Base(cmd.Args[1]), err, errors.String())
	}
	return strings.TrimSpace(string(out))
}

// fetch bounds a download of packages.
const fetch = time.Minute

// modules makes node/node_modules what package-lock.json says, or skips.
func modules(t *testing.T) {
	t.Helper()
	if err := nodeModules(); err != nil {
		t.Skipf("Node clients are not shown here: %v", err)
	}
}

var nodeModules = sync.OnceValue(func() error {
	want, err := os.ReadFile("node/package-lock.json")
	if err != nil {
		return err
	}
	const stamp = "node/node_modules/.kzfast-lock"
	if have, err := os.ReadFile(stamp); err == nil && slices.Equal(have, want) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), fetch)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "ci", "--silent", "--no-audit", "--no-fund")
	cmd.Dir = "node"
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w %s", err, out)
	}
	return os.WriteFile(stamp, want, 0o644)
})

// packages answers the folder of the Python libraries, or skips.
func packages(t *testing.T) string {
	t.Helper()
	path, err := pythonPackages()
	if err != nil {
		t.Skipf("Python clients are not shown here: %v", err)
	}
	return path
}

// pythonPackages installs the pinned libraries into a folder of the user's
// cache, once per list and interpreter.
var pythonPackages = sync.OnceValues(func() (string, error) {
	list, err := os.ReadFile("python/requirements.txt")
	if err != nil {
		return "", err
	}
	version, err := exec.Command("python3", "--version").Output()
	if err != nil {
		return "", fmt.Errorf("python3: %w", err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(cache, "kzfast-e2e", fmt.Sprintf("python-%x", sha256.Sum256(append(list, version...)))[:24])
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), fetch)
	defer cancel()
	fresh := filepath.Join(scratch, "python")
	cmd := exec.CommandContext(ctx, "python3", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", fresh, "-r", "python/requirements.txt")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("pip: %w %s", err, out)
	}
	if err := exec.Command("cp", "-r", fresh, path).Run(); err != nil {
		return "", fmt.Errorf("cache of packages: %w", err)
	}
	return path, nil
})
