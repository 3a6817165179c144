//go:build linux

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kzfast/kzfast/client"
)

// asCommand makes the test binary behave as kzfast.
const asCommand = "KZFAST_TEST_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// A process is kzfast as a child of the test.
type process struct {
	*exec.Cmd
	t     *testing.T
	out   *os.File // its standard output and error, to be read
	ended chan struct{}
}

// launch runs kzfast. Its output is a pipe that holds 4 KiB, full from the
// beginning when it is to stall.
func launch(t *testing.T, stalled bool, args ...string) *process {
	t.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if _, err := unix.FcntlInt(in.Fd(), unix.F_SETPIPE_SZ, 4096); err != nil {
		t.Fatal(err)
	}
	if stalled {
		in.WriteString(strings.Repeat("x", 4095) + "\n")
	}
	p := &process{Cmd: exec.Command(os.Args[0], args...), t: t, out: out, ended: make(chan struct{})}
	p.Env = append(os.Environ(), asCommand+"=1")
	p.Stdout, p.Stderr = in, in
	p.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.Process.Kill()
		<-p.ended
		out.Close()
	})
	return p
}

// exit waits for the end and gives the status; -1 when a signal ended it.
func (p *process) exit() int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatal("the process has not ended")
	}
	return p.ProcessState.ExitCode()
}

// rest is all the output, once the process has ended.
func (p *process) rest() string {
	p.t.Helper()
	p.exit()
	var b strings.Builder
	p.out.SetReadDeadline(time.Now().Add(patience))
	if _, err := p.out.WriteTo(&b); err != nil {
		p.t.Fatal(err)
	}
	return b.String()
}

// waitFor reads the output up to text.
func (p *process) waitFor(text string) {
	p.t.Helper()
	p.out.SetReadDeadline(time.Now().Add(patience))
	var b []byte
	for buf := make([]byte, 1024); !strings.Contains(string(b), text); {
		n, err := p.out.Read(buf)
		if err != nil {
			p.t.Fatalf("no %q, %v:\n%s", text, err, b)
		}
		b = append(b, buf[:n]...)
	}
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// echoMember writes a configuration with an echo service and gives its URI.
func echoMember(t *testing.T, gateway string) (file, uri string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	uri = fmt.Sprintf("ws://%s/echo", l.Addr())
	l.Close()
	file = filepath.Join(t.TempDir(), "member.xml")
	text := `<gateway-config xmlns="http://xmlns.kaazing.org/2016/06/gateway" xmlns:kz="urn:kzfast:config:1">` + gateway +
		`<service><name>echo</name><accept>` + uri + `</accept><type>echo</type></service></gateway-config>`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, uri
}

// mustEcho has a message echoed at uri.
func mustEcho(t *testing.T, uri string) {
	t.Helper()
	var c *client.Conn
	eventually(t, "connect to "+uri, func() bool {
		var err error
		c, err = client.Dial(t.Context(), uri, client.Options{})
		return err == nil
	})
	defer c.Close(closeNormal, "")
	if err := c.Write(t.Context(), client.Message{Data: []byte("hello")}); err != nil {
		t.Fatal(err)
	}
	if m, err := c.Read(t.Context()); err != nil || string(m.Data) != "hello" {
		t.Fatalf("echo %q, %v", m.Data, err)
	}
}

// A log nobody reads stops neither the traffic nor the stop (drill F44).
func TestStalledLogReader(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		file, uri := echoMember(t, "")
		p := launch(t, true, "-config", file, "-log", format, "-verbose")
		mustEcho(t, uri)
		p.signal(syscall.SIGTERM)
		if code := p.exit(); code != 0 {
			t.Errorf("%s: exit status %d", format, code)
		}
	}
}

// A log whose reader has gone ends nothing either.
func TestLogReaderGone(t *testing.T) {
	file, uri := echoMember(t, "")
	p := launch(t, false, "-config", file)
	p.waitFor("Configuration file")
	p.out.Close()
	mustEcho(t, uri)
	p.signal(syscall.SIGHUP)
	mustEcho(t, uri)
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != 0 {
		t.Errorf("exit status %d", code)
	}
}

// SIGHUP and SIGQUIT say something and end nothing.
func TestSignalsThatEndNothing(t *testing.T) {
	file, uri := echoMember(t, "")
	p := launch(t, false, "-config", file)
	p.waitFor("Started server successfully")
	p.signal(syscall.SIGHUP)
	p.waitFor("WARN  reload not possible in this version")
	p.signal(syscall.SIGQUIT)
	p.waitFor("engine.(*Loop).run(")
	go p.out.WriteTo(new(strings.Builder))
	mustEcho(t, uri)
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != 0 {
		t.Errorf("exit status %d", code)
	}
}

// A failed start says why, whole and last, in the log and on the standard
// error.
func TestFailedStart(t *testing.T) {
	file, uri := echoMember(t, "")
	addr, _, _ := strings.Cut(strings.TrimPrefix(uri, "ws://"), "/")
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := launch(t, false, "-config", file)
	text, code := p.rest(), p.exit()
	if code != exitFailed {
		t.Errorf("exit status %d, want %d", code, exitFailed)
	}
	for _, want := range []string{
		"ERROR Error starting Gateway: caught exception ", "\nkzfast: " + file, "address already in use\nGateway failed to launch\n",
	} {
		_, rest, ok := strings.Cut(text, want)
		if !ok {
			t.Fatalf("no %q in\n%s", want, text)
		}
		if strings.HasSuffix(want, "launch\n") && rest != "" {
			t.Errorf("behind the last words: %q", rest)
		}
	}
}

// A mistake on the command line is answered with the flags of the command
// meant.
func TestUsage(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"gateway": {[]string{"-nonsense"}, "--config file"},
		"client":  {[]string{"client", "--nonsense"}, "--in-band"},
		"demo":    {[]string{"demo", "--clients", "-1"}, "--script steps"},
		"define":  {[]string{"-config", "x.xml", "-Dname"}, "want name=value"},
	} {
		p := launch(t, false, c.args...)
		text, code := p.rest(), p.exit()
		if code != exitUsage || !strings.Contains(text, c.want) {
			t.Errorf("%s: exit status %d, want %d; no %q in\n%s", name, code, exitUsage, c.want, text)
		}
		if name != "gateway" && name != "define" && strings.Contains(text, "--pprof") {
			t.Errorf("%s: the flags of the gateway in\n%s", name, text)
		}
	}
}
