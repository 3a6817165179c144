package wsproto

import "testing"

func TestFrameParts(t *testing.T) {
	tests := []struct {
		name                    string
		f                       Frame
		whole, start, end, last bool
	}{
		{"whole", Frame{Fin: true, Len: 3, Data: []byte("abc")}, true, true, true, true},
		{"whole fragment", Frame{Len: 3, Data: []byte("abc")}, true, true, true, false},
		{"empty", Frame{Fin: true}, true, true, true, true},
		{"first chunk", Frame{Fin: true, Len: 3, Data: []byte("ab")}, false, true, false, false},
		{"middle chunk", Frame{Fin: true, Len: 3, Off: 1, Data: []byte("b")}, false, false, false, false},
		{"last chunk", Frame{Fin: true, Len: 3, Off: 2, Data: []byte("c")}, false, false, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.f.Whole() != tt.whole || tt.f.Start() != tt.start || tt.f.End() != tt.end || tt.f.Last() != tt.last {
				t.Errorf("Whole %v Start %v End %v Last %v, want %+v", tt.f.Whole(), tt.f.Start(), tt.f.End(), tt.f.Last(), tt)
			}
		})
	}
}
