package demo

import (
	"testing"
	"time"
)

func TestParseScript(t *testing.T) {
	steps, err := ParseScript(" 1, r,d ,d2,,s,500ms,q")
	if err != nil {
		t.Fatal(err)
	}
	want := []Step{
		{Key: '1', text: "1"}, {Key: 'r', text: "r"}, {Key: 'd', text: "d"}, {Key: 'd', Arg: '2', text: "d2"},
		{Key: 's', text: "s"}, {Pause: 500 * time.Millisecond, text: "500ms"}, {Key: 'q', text: "q"},
	}
	if len(steps) != len(want) {
		t.Fatalf("got %d steps %v, want %d", len(steps), steps, len(want))
	}
	for i := range want {
		if steps[i] != want[i] {
			t.Errorf("step %d: got %+v, want %+v", i, steps[i], want[i])
		}
	}
	for _, bad := range []string{"3", "1;2", "d3", "-2s", "quit", "0s"} {
		if steps, err := ParseScript(bad); err == nil {
			t.Errorf("%q: got %v, want an error", bad, steps)
		}
	}
}
