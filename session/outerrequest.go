package session

import (
	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/wse"
)

// An outerRequest is what of the outer request the inner one inherits.
type outerRequest struct {
	path, query   []byte
	protocols     []byte
	authorization []byte
	accept        []byte // Sec-WebSocket-Accept, inside and outside alike
	upgrade       []byte
	cors          []wsproto.Field
	kl, marker    bool
}

// outerOf copies what outlives the request.
func outerOf(r *wsproto.Request, cors []wsproto.Field, p *wse.Params) outerRequest {
	header := func(name string) []byte {
		v, ok := r.Header(name)
		if !ok {
			return nil
		}
		return append([]byte{}, v...)
	}
	o := outerRequest{
		path: append([]byte{}, r.Path...), query: append([]byte{}, r.RawQuery...),
		protocols: header("Sec-WebSocket-Protocol"),
		accept:    wsproto.AppendAccept(nil, header("Sec-WebSocket-Key")),
		upgrade:   []byte(wsproto.UpgradeValue(r)),
		kl:        p.Directives, marker: p.EndMarker,
	}
	for _, f := range cors {
		o.cors = append(o.cors, wsproto.Field{Name: f.Name, Value: append([]byte{}, f.Value...)})
	}
	return o
}
