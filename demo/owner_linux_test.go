package demo

import "testing"

func TestProcAddr(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"0400007F:1F41", "127.0.0.4:8001"},
		{"00000000:1F41", "0.0.0.0:8001"},
		{"00000000000000000000000001000000:0050", "[::1]:80"},
		{"0000000000000000FFFF00000500007F:1737", "127.0.0.5:5943"},
	} {
		got, ok := procAddr(c.text)
		if !ok || got.String() != c.want {
			t.Errorf("%s: got %v %v, want %s", c.text, got, ok, c.want)
		}
	}
	for _, bad := range []string{"", "00:", "0400007F", "0400007F:1F4", "04007F:1F41", "zz00007F:1F41"} {
		if got, ok := procAddr(bad); ok {
			t.Errorf("%q: got %v, want none", bad, got)
		}
	}
}
