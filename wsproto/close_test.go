package wsproto

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseClose(t *testing.T) {
	body := func(code uint16, reason string) string {
		return string(binary.BigEndian.AppendUint16(nil, code)) + reason
	}
	type test struct {
		name    string
		payload string
		code    Code
		reason  string
		fail    Code // 0 = echo
	}
	tests := []test{
		{"empty", "", CodeNoStatus, "", 0},
		{"one byte", "\x03", 0, "", CodeProtocolError},
		{"with reason", body(1000, "Hello World!"), 1000, "Hello World!", 0},
		{"longest reason", body(1000, strings.Repeat("*", 123)), 1000, strings.Repeat("*", 123), 0},
		{"too long", body(1000, strings.Repeat("*", 124)), 0, "", CodeProtocolError},
		{"bad reason with 1000", body(1000, "\xce\xba\xed\xa0\x80"), 0, "", CodeProtocolError},
		{"bad reason with 1001", body(1001, "\xff"), 0, "", CodeInvalidPayload},
		{"bad reason with 4000", body(4000, "\xc3"), 0, "", CodeInvalidPayload},
		{"bad reason with a bad code", body(999, "\xff"), 0, "", CodeProtocolError},
	}
	for _, c := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		tests = append(tests, test{"echoed " + Code(c).String(), body(c, "ok"), Code(c), "ok", 0})
	}
	for _, c := range []uint16{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		tests = append(tests, test{"refused " + Code(c).String(), body(c, ""), 0, "", CodeProtocolError})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, reason, err := ParseClose([]byte(tt.payload))
			if tt.fail != 0 {
				if err == nil || err.Code != tt.fail {
					t.Errorf("ParseClose = %d %q %v, want failure %d", code, reason, err, tt.fail)
				}
				return
			}
			if err != nil || code != tt.code || string(reason) != tt.reason {
				t.Errorf("ParseClose = %d %q %v, want %d %q", code, reason, err, tt.code, tt.reason)
			}
		})
	}
}

func TestAppendClose(t *testing.T) {
	tests := []struct {
		name   string
		code   Code
		reason string
		want   string // the body; "" for the empty frame
	}{
		{"normal", CodeNormal, "", "\x03\xe8"},
		{"going away", CodeGoingAway, "bye", "\x03\xe9bye"},
		{"no status", CodeNoStatus, "ignored", ""},
		{"zero", 0, "", ""},
		{"cut", 4000, strings.Repeat("x", 200), "\x0f\xa0" + strings.Repeat("x", 123)},
		{"cut before a character", 4000, strings.Repeat("x", 122) + "ä", "\x0f\xa0" + strings.Repeat("x", 122)},
		{"cut before a wide character", 4000, strings.Repeat("x", 120) + "👩", "\x0f\xa0" + strings.Repeat("x", 120)},
		{"fits exactly", 4000, strings.Repeat("x", 121) + "ä", "\x0f\xa0" + strings.Repeat("x", 121) + "ä"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := append([]byte{0x88, byte(len(tt.want))}, tt.want...)
			if got := AppendClose(nil, tt.code, []byte(tt.reason)); !bytes.Equal(got, want) {
				t.Errorf("AppendClose = % x, want % x", got, want)
			}
			got, code := decode(t, &Limits{}, AppendMaskedClose(nil, tt.code, []byte(tt.reason), testMask))
			if code != 0 || len(got) != 1 || got[0] != (event{OpClose, true, false, tt.want}) {
				t.Errorf("AppendMaskedClose reads as %v code %d", got, code)
			}
		})
	}
	if got, want := AppendMaskedClose(nil, CodeNormal, nil, testMask), unhex(t, "88 82 37 FA 21 3D 34 12"); !bytes.Equal(got, want) {
		t.Errorf("spec example: % x, want % x", got, want)
	}
}

func TestCloseError(t *testing.T) {
	cause := errors.New("cause")
	var err error = &CloseError{CodeTooBig, cause}
	if err.Error() != "close 1009: cause" || !errors.Is(err, cause) {
		t.Errorf("error is %q", err)
	}
	if got := (&CloseError{Code: CodeNormal}).Error(); got != "close 1000" {
		t.Errorf("error is %q", got)
	}
}

// FuzzClose requires that what ParseClose accepts survives an echo unchanged.
func FuzzClose(f *testing.F) {
	f.Add([]byte("\x03\xe8ok"))
	f.Add([]byte{})
	f.Add([]byte{3})
	f.Fuzz(func(t *testing.T, payload []byte) {
		code, reason, err := ParseClose(payload)
		if err != nil {
			if err.Code != CodeProtocolError && err.Code != CodeInvalidPayload {
				t.Errorf("failed with %d", err.Code)
			}
			return
		}
		if len(payload) > MaxControl || !utf8.Valid(reason) {
			t.Errorf("accepted %x", payload)
		}
		if got := AppendClose(nil, code, reason)[2:]; !bytes.Equal(got, payload) {
			t.Errorf("echo of %x is %x", payload, got)
		}
	})
}
