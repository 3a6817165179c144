package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// check runs the command and gives what it printed.
func check(args ...string) (string, error) {
	cmd := newCheck()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	err := cmd.Execute()
	return out.String(), err
}

func TestCheckHoldsFilesAgainstThisHost(t *testing.T) {
	for _, c := range []struct{ accept, rule string }{
		{"tcp://@nope0:29001", "B-5"},
		{"ws://198.51.100.1:29001/x", "B-4"},
	} {
		file := filepath.Join(t.TempDir(), "member.xml")
		body := `<gateway-config xmlns="http://xmlns.kaazing.org/2016/06/gateway"><service><name>echo</name><accept>` + c.accept + `</accept><type>echo</type></service></gateway-config>`
		if err := os.WriteFile(file, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := check(file)
		if err != nil || !strings.Contains(out, "["+c.rule+"] warning: on this host: ") || !strings.Contains(out, "0 error(s), 1 warning(s)") {
			t.Errorf("check of %s: %v, %s; want a warning of %s", c.accept, err, out, c.rule)
		}
		out, err = check("--resolve", file)
		if !errors.Is(err, errReported) || !strings.Contains(out, "["+c.rule+"] error: on this host: ") {
			t.Errorf("check --resolve of %s: %v, %s; want an error of %s", c.accept, err, out, c.rule)
		}
	}
}
