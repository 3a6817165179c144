package wse

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// golden reads the lines of a testdata table, cells trimmed.
func golden(t testing.TB, name string) (rows [][]string) {
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range strings.Split(string(b), "\n") {
		if l == "" || l[0] == '#' {
			continue
		}
		cells := strings.Split(l, "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	return rows
}

// unhex reads "01 30 31 FF" and "128*C480".
func unhex(t testing.TB, s string) (out []byte) {
	for _, w := range strings.Fields(s) {
		n := 1
		if count, rest, ok := strings.Cut(w, "*"); ok {
			n, _ = strconv.Atoi(count)
			w = rest
		}
		b, err := hex.DecodeString(w)
		if err != nil {
			t.Fatal(s, err)
		}
		out = append(out, bytes.Repeat(b, n)...)
	}
	return out
}

func encodingOf(t testing.TB, s string) Encoding {
	e, ok := parseEncoding([]byte(s[1:]))
	if !ok {
		t.Fatal("no encoding", s)
	}
	return e
}

// show prints decoded frames as the tables do.
func show(out []string, f *Frame) []string {
	switch f.Op {
	case OpText, OpBinary:
		name := "text"
		if f.Op == OpBinary {
			name = "binary"
		}
		return append(out, fmt.Sprintf("%s(%X)", name, f.Data))
	}
	return append(out, [...]string{OpPing: "ping", OpPong: "pong", OpClose: "close", OpReconnect: "reconnect"}[f.Op])
}

// wanted brings a table's frame list into the form of show.
func wanted(t testing.TB, cell string) string {
	words := strings.Fields(cell)
	for i, w := range words {
		if name, arg, ok := strings.Cut(w, "("); ok {
			words[i] = fmt.Sprintf("%s(%X)", name, unhex(t, strings.TrimSuffix(arg, ")")))
		}
	}
	return strings.Join(words, " ")
}

// decode feeds pieces and reports frames, ending with 400 on any error.
func decode(o *Options, pieces ...[]byte) string {
	var d Decoder
	var out []string
	for _, p := range pieces {
		p = bytes.Clone(p)
		for {
			var f Frame
			n, ok, err := d.Next(p, o, &f)
			if err != nil {
				return strings.Join(append(out, "400"), " ")
			}
			p = p[n:]
			if !ok {
				if len(p) != 0 {
					return "bytes left"
				}
				break
			}
			out = show(out, &f)
		}
	}
	if d.End() != nil {
		out = append(out, "400")
	}
	return strings.Join(out, " ")
}

func TestUpstreamGolden(t *testing.T) {
	for _, row := range golden(t, "upstream.txt") {
		t.Run(row[1]+" "+row[0], func(t *testing.T) {
			e := encodingOf(t, row[1])
			o := &Options{Layers: e.Upstream(nil), MaxMessage: 131072, Ping: true}
			body, want := unhex(t, row[2]), wanted(t, row[3])
			if got := decode(o, body); got != want {
				t.Fatalf("whole:\ngot  %s\nwant %s", got, want)
			}
			var single [][]byte
			for i := range body {
				single = append(single, body[i:i+1])
			}
			if got := decode(o, single...); got != want {
				t.Errorf("byte by byte:\ngot  %s\nwant %s", got, want)
			}
			for i := range len(body) + 1 {
				if got := decode(o, body[:i], body[i:]); got != want {
					t.Fatalf("cut at %d:\ngot  %s\nwant %s", i, got, want)
				}
			}
		})
	}
}

func TestDownstreamGolden(t *testing.T) {
	for _, row := range golden(t, "downstream.txt") {
		t.Run(row[1]+" "+row[0], func(t *testing.T) {
			e := encodingOf(t, row[1])
			want := unhex(t, row[3])
			name, arg, _ := strings.Cut(row[2], "(")
			payload := unhex(t, strings.TrimSuffix(arg, ")"))
			var got []byte
			switch name {
			case "text", "binary":
				got = AppendMessage(nil, e, name == "text", payload)
			case "ping":
				got = AppendPing(nil, e)
			case "pong":
				got = AppendPong(nil, e)
			case "close":
				got = AppendClose(nil)
			case "reconnect":
				got = AppendReconnect(nil)
			case "nop":
				got = AppendNOP(nil)
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("got  % X\nwant % X", got, want)
			}
			pieces := AppendHeader(nil, e, name == "text", int64(len(payload)))
			for i := range payload {
				pieces = AppendPayload(pieces, e, payload[i:i+1])
			}
			if payload != nil && !bytes.Equal(pieces, want) {
				t.Fatalf("in pieces got % X\nwant % X", pieces, want)
			}
		})
	}
}
