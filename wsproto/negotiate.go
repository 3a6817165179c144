package wsproto

import (
	"errors"
	"fmt"
)

const (
	deflateName = "permessage-deflate"
	serverReset = "server_no_context_takeover"
	clientReset = "client_no_context_takeover"
	serverBits  = "server_max_window_bits"
	clientBits  = "client_max_window_bits"

	deflateAnswer       = deflateName + "; " + serverReset + "; " + clientReset
	deflateAnswerWindow = deflateAnswer + "; " + serverBits + "=15"
)

// DeflateOffer is what a client of ours offers in Sec-WebSocket-Extensions.
const DeflateOffer = deflateName + "; " + serverReset + "; " + clientReset

// AcceptDeflate answers the first offer of permessage-deflate that we can serve
// (RFC 7692 §5.1, §7.1). extension is the element for the response; it always
// forbids context takeover on both sides. An offer with an unknown, repeated or
// misused parameter, or that asks for a smaller window than the 32 KiB of our
// compressor, is passed over. The limit a client sets for its own window needs
// no answer: we can inflate any.
func AcceptDeflate(r *Request) (extension string, ok bool) {
	err := r.EachExtension("Sec-WebSocket-Extensions", func(name, params []byte) bool {
		if string(name) != deflateName {
			return true
		}
		p, err := deflateParams(params)
		if err != nil || p.serverBits != 0 && p.serverBits != 15 {
			return true
		}
		extension, ok = deflateAnswer, true
		if p.serverBits != 0 {
			extension = deflateAnswerWindow
		}
		return false
	})
	if err != nil && !ok {
		return "", false
	}
	return extension, ok
}

// DeflateAccepted reports whether a server has accepted [DeflateOffer]. An error
// obliges the client to fail the connection (RFC 7692 §7.1).
func DeflateAccepted(r *Response) (ok bool, err error) {
	listErr := r.EachExtension("Sec-WebSocket-Extensions", func(name, params []byte) bool {
		if string(name) != deflateName {
			return true
		}
		var p deflateTerms
		p, err = deflateParams(params)
		switch {
		case err != nil:
		case ok:
			err = errors.New(deflateName + " accepted twice")
		case !p.serverReset:
			err = errors.New(deflateName + " accepted with context takeover")
		case p.clientBits != 0:
			err = errors.New(clientBits + " was not offered")
		}
		ok = err == nil
		return ok
	})
	if err == nil {
		err = listErr
	}
	return ok && err == nil, err
}

// deflateTerms are the parameters of one permessage-deflate element.
type deflateTerms struct {
	serverReset, clientReset bool
	serverBits               int // 0 = not named
	clientBits               int // 0 = not named, -1 = named without a value
}

func deflateParams(params []byte) (p deflateTerms, err error) {
	for len(params) > 0 {
		var name, value []byte
		name, value, params = NextParam(params)
		good := false
		switch string(name) {
		case serverReset:
			good, p.serverReset = !p.serverReset && value == nil, true
		case clientReset:
			good, p.clientReset = !p.clientReset && value == nil, true
		case serverBits:
			good = p.serverBits == 0
			p.serverBits = windowBits(value)
			good = good && p.serverBits > 0
		case clientBits:
			good = p.clientBits == 0
			if p.clientBits = -1; value != nil {
				p.clientBits = windowBits(value)
			}
			good = good && p.clientBits != 0
		}
		if !good {
			return p, fmt.Errorf("parameter %q=%q of %s", clip(name), clip(value), deflateName)
		}
	}
	return p, nil
}

// windowBits reads 8 to 15 without leading zeros; anything else is 0.
func windowBits(v []byte) int {
	switch string(v) {
	case "8", "9":
		return int(v[0] - '0')
	case "10", "11", "12", "13", "14", "15":
		return 10 + int(v[1]-'0')
	}
	return 0
}
