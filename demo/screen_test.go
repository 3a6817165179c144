package demo

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestScreenWithoutTerminal(t *testing.T) {
	var b strings.Builder
	s := newScreen(&b)
	s.show("status")
	s.say("%s %d", s.strong("one"), 1)
	s.show("")
	s.say("two")
	if want := "one 1\ntwo\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

type brokenPipe struct{ writes int }

func (p *brokenPipe) Write([]byte) (int, error) {
	p.writes++
	return 0, errors.New("broken pipe")
}

func TestScreenSurvivesItsReader(t *testing.T) {
	p := new(brokenPipe)
	s := newScreen(p)
	s.say("one")
	s.say("two")
	if p.writes != 1 {
		t.Errorf("got %d writes, want 1", p.writes)
	}
}

func TestKeysFromAPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	w.WriteString("1\r\n s\n\x03")
	w.Close()
	var keys []byte
	pressAll(r, func(k byte) { keys = append(keys, k) })
	if string(keys) != "1s\x03" {
		t.Errorf("got %q, want %q", keys, "1s\x03")
	}
}
