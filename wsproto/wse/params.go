package wse

import (
	"bytes"
	"strconv"
	"time"

	"github.com/kzfast/kzfast/wsproto/httpxe"
)

// Bounds of what a client may ask for; larger wishes are cut to them.
const (
	maxBufferKiB  = 1 << 20
	maxPadding    = 64 << 10
	maxHeartbeat  = time.Hour
	maxFirstFlush = 10 * time.Second
)

// Params are the query tokens of the protocol (protocol.md §0): the ones of WSE
// and SSE, and those by which clients emulate what they cannot send. The zero
// value is a request without any. Slices alias the query unless the value was
// percent-encoded.
//
// A token that occurs twice counts in its last form, because clients append
// theirs to URLs that already carry the create's.
type Params struct {
	Legacy     bool // any .kl or .kv: a 3.x-style client
	Directives bool // .kl=Y: understands in-band balancer directives
	EndMarker  bool // .kl=Y or .kv=10.05: waits for the empty frame of §3.4
	Proxy      bool // .ki=p: long-polling
	SameScheme bool // .kd=s: no https redirect
	NoSniff    bool // .kns=1: long text header
	AlwaysCORS bool // .kac=ex: CORS lines even same-origin
	Sequenced  bool // .ksn is present

	Sequence     int64         // .ksn, 0 to 2^53-1
	Buffer       int64         // .kb in bytes: end the downstream after that many; 0 = never
	Padding      int           // .kp: pad the body to that many bytes
	BlockPadding int           // .kbp: bytes of padding after each flush
	Heartbeat    time.Duration // .kkt
	FirstFlush   time.Duration // .kf

	ContentType  []byte // .kc, only types that no browser executes; with a charset
	CacheControl []byte // .kcc
	RequestType  []byte // .kct: Content-Type of the request
	Origin       []byte // .ko: emulated Origin; see package origin
	Method       string // .km in full, "" when absent or unknown
	NextProtocol []byte // .knp
	ClientID     []byte // .kid, for logs only
	Resource     []byte // .kr: bridge resource
}

// ParseParams reads the tokens of a raw query. Values that make no sense are
// as good as absent, except a bad .ksn: a [*httpxe.StatusError] 400.
func ParseParams(query []byte) (Params, error) {
	var p Params
	err := p.Parse(query)
	return p, err
}

// Parse adds the tokens of a raw query, or of [Path].Params, to p.
func (p *Params) Parse(query []byte) error {
	for len(query) > 0 {
		var pair []byte
		pair, query, _ = bytes.Cut(query, []byte{'&'})
		if len(pair) < 3 || pair[0] != '.' || pair[1] != 'k' {
			continue
		}
		name, value, _ := bytes.Cut(pair, []byte{'='})
		if value, ok := unescape(value); ok {
			if err := p.set(name, value); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *Params) set(name, v []byte) (err error) {
	switch string(name) {
	case ".kl":
		p.Legacy = true
		p.Directives = string(v) == "Y"
		p.EndMarker = p.EndMarker || p.Directives
	case ".kv":
		p.Legacy = true
		p.EndMarker = p.EndMarker || string(v) == "10.05"
	case ".ki":
		p.Proxy = string(v) == "p"
	case ".kd":
		p.SameScheme = string(v) == "s"
	case ".kns":
		p.NoSniff = string(v) == "1"
	case ".kac":
		p.AlwaysCORS = string(v) == "ex"
	case ".ksn":
		p.Sequence, err = ParseSequence(v)
		p.Sequenced = true
	case ".kb":
		p.Buffer = number(v, maxBufferKiB) << 10
	case ".kp":
		p.Padding = int(number(v, maxPadding))
	case ".kbp":
		p.BlockPadding = int(number(v, maxPadding))
	case ".kkt":
		p.Heartbeat = time.Duration(number(v, int64(maxHeartbeat/time.Second))) * time.Second
	case ".kf":
		p.FirstFlush = time.Duration(number(v, maxFirstFlush.Milliseconds())) * time.Millisecond
	default:
		p.setText(name, v)
	}
	return err
}

func (p *Params) setText(name, v []byte) {
	switch string(name) {
	case ".kc":
		p.ContentType = safeType(v)
	case ".kcc":
		p.CacheControl = v
	case ".kct":
		p.RequestType = v
	case ".ko":
		p.Origin = v
	case ".km":
		p.Method = method(v)
	case ".knp":
		p.NextProtocol = v
	case ".kid":
		p.ClientID = v
	case ".kr":
		p.Resource = v
	}
}

// ForBrowser adds what browsers need without asking: Internet Explorer 11 shows
// no streamed byte before 2 KiB (protocol.md §6.5).
func (p *Params) ForBrowser(userAgent []byte) {
	if !bytes.Contains(userAgent, []byte("Trident/7.0")) {
		return
	}
	if p.Padding == 0 {
		p.Padding = 2048
	}
	if p.CacheControl == nil {
		p.CacheControl = []byte("private")
	}
	if p.FirstFlush == 0 {
		p.FirstFlush = 200 * time.Millisecond
	}
}

// number parses a decimal between 1 and limit, cutting larger ones; 0 for
// anything else.
func number(v []byte, limit int64) int64 {
	var n int64
	for _, c := range v {
		if c < '0' || c > '9' {
			return 0
		}
		if n = n*10 + int64(c-'0'); n > limit {
			n = limit
		}
	}
	return n
}

func method(v []byte) string {
	switch string(v) {
	case "G":
		return "GET"
	case "D":
		return "DELETE"
	case "O":
		return "OPTIONS"
	case "P":
		return "POST"
	case "T":
		return "PUT"
	case "H":
		return "HEAD"
	}
	return ""
}

var safeTypes = [...]string{"text/plain", "text/event-stream", OctetStream, httpxe.MessageType,
	"application/x-dom-event-stream"}

// safeType accepts a .kc value if a browser will not run a body of that type as
// a document of our origin: the body is whatever a client made the service
// send. ";charset=UTF-8" is appended when there are no parameters.
func safeType(v []byte) []byte {
	t, _, params := bytes.Cut(v, []byte{';'})
	for _, s := range safeTypes {
		if bytes.EqualFold(bytes.TrimSpace(t), []byte(s)) {
			if params {
				return v
			}
			return append(append(make([]byte, 0, len(v)+14), v...), ";charset=UTF-8"...)
		}
	}
	return nil
}

// unescape undoes percent-encoding and refuses control bytes. It allocates only
// when there is a percent sign.
func unescape(v []byte) ([]byte, bool) {
	if bytes.IndexByte(v, '%') >= 0 {
		out := make([]byte, 0, len(v))
		for i := 0; i < len(v); i++ {
			if v[i] != '%' {
				out = append(out, v[i])
				continue
			}
			if i+2 >= len(v) {
				return nil, false
			}
			c, err := strconv.ParseUint(string(v[i+1:i+3]), 16, 8)
			if err != nil {
				return nil, false
			}
			out = append(out, byte(c))
			i += 2
		}
		v = out
	}
	for _, c := range v {
		if c < ' ' || c == 0x7f {
			return nil, false
		}
	}
	return v, true
}

// AppendQuery appends "?" and a raw query without its cache busters .kn and
// .krn, which are part of no redirect and no data URL, or nothing when nothing
// is left.
func AppendQuery(dst, query []byte) []byte {
	sep := byte('?')
	for len(query) > 0 {
		var pair []byte
		pair, query, _ = bytes.Cut(query, []byte{'&'})
		name, _, _ := bytes.Cut(pair, []byte{'='})
		if len(pair) == 0 || string(name) == ".kn" || string(name) == ".krn" {
			continue
		}
		dst = append(append(dst, sep), pair...)
		sep = '&'
	}
	return dst
}
