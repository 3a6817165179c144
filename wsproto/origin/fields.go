package origin

import (
	"strconv"
	"strings"

	"github.com/kzfast/kzfast/wsproto/httpxe"
)

var (
	hCredentials = []byte("Access-Control-Allow-Credentials")
	hHeaders     = []byte("Access-Control-Allow-Headers")
	hMethods     = []byte("Access-Control-Allow-Methods")
	hOrigin      = []byte("Access-Control-Allow-Origin")
	hACMaxAge    = []byte("Access-Control-Max-Age")
	hMaxAge      = []byte("Max-Age")
	vTrue        = []byte("true")

	// x-origin must never be here: any page could forge origins.
	fixedHeaders = [...][]byte{[]byte("content-type"), []byte("authorization"), []byte("x-websocket-extensions"),
		[]byte("x-websocket-version"), []byte("x-websocket-protocol")}
)

// Fields appends the lines that the answer to the request must carry: none for
// most, the Access-Control block for an allowed foreign origin, and more on a
// preflight. They hold the origin as it was received, which they alias.
func (d *Decision) Fields(dst []httpxe.Field) []httpxe.Field {
	if d.origin == nil {
		return dst
	}
	if d.Verdict == Preflight {
		dst = d.preflight(dst)
	}
	dst = append(dst, httpxe.Field{Name: hCredentials, Value: vTrue})
	for _, h := range fixedHeaders {
		dst = append(dst, httpxe.Field{Name: hHeaders, Value: h})
	}
	return append(dst, httpxe.Field{Name: hOrigin, Value: d.origin})
}

func (d *Decision) preflight(dst []httpxe.Field) []httpxe.Field {
	c := d.Constraint
	dst = append(dst, httpxe.Field{Name: hMethods, Value: []byte(strings.Join(c.methods(), ","))})
	if len(c.Headers) > 0 {
		dst = append(dst, httpxe.Field{Name: hHeaders, Value: []byte(strings.Join(c.Headers, ","))})
	}
	if c.HasMaxAge {
		age := strconv.AppendInt(nil, c.MaxAge, 10)
		dst = append(dst, httpxe.Field{Name: hACMaxAge, Value: age}, httpxe.Field{Name: hMaxAge, Value: age})
	}
	return dst
}

// Answer fills r with the answer to a refused request or a preflight, without
// Date and Server (protocol.md §1.5).
func (d *Decision) Answer(r *httpxe.Response) {
	if d.Verdict == Refuse {
		r.Fail(403, "")
		return
	}
	r.Status = 200
	r.Fields = d.Fields(r.Fields)
}
