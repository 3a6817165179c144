package demo

import (
	"strings"
	"testing"
)

const formedLog = `INFO  Current cluster members:
INFO        member: tcp://127.0.0.4:5942
INFO  Current shared balancer map:
INFO       balance URI: ws://localhost:8001/echo    target list: [ws://127.0.0.4:8001/echo]
INFO  

Members [2] {
	Member [127.0.0.4:5942] this
	Member [127.0.0.5:5943]
}

INFO  Cluster member tcp://127.0.0.5:5943 is now online
INFO  Current shared balancer map:
INFO       balance URI: ws://localhost:8001/echo    target list: [ws://127.0.0.4:8001/echo, ws://127.0.0.5:8001/echo]
INFO       balance URI: ws://localhost:8001/spread    target list: [ws://127.0.0.4:8001/spread]`

func TestView(t *testing.T) {
	one, two := &places[0], &places[1]
	var v view
	read := func(log string) {
		for line := range strings.Lines(log) {
			v.read(line)
		}
	}
	check := func(when string, wantBoth, wantSecond bool) {
		t.Helper()
		if got := v.sees([]*place{one, two}); got != wantBoth {
			t.Errorf("%s: sees both %v, want %v; %+v", when, got, wantBoth, v)
		}
		if got := v.sees([]*place{one}); got != wantSecond {
			t.Errorf("%s: sees only the first %v, want %v; %+v", when, got, wantSecond, v)
		}
	}
	check("at first", false, false)
	read(formedLog)
	check("formed", true, false)
	read("Members [1] {\nINFO  Current shared balancer map:\n")
	check("map is empty", false, false)
	read("INFO       balance URI: ws://localhost:8001/echo    target list: [ws://127.0.0.4:8001/echo]")
	check("alone", false, true)
}
