package wsproto

import (
	"encoding/base64"
	"errors"
)

var (
	errNoUpgrade    = statusError(400, errors.New("key without Upgrade: websocket"))
	errNoKey        = statusError(400, errors.New("upgrade without Sec-WebSocket-Key"))
	errKey          = statusError(400, errors.New("key is not base64 of 16 bytes"))
	errOldVersion   = statusError(400, errors.New("upgrade in HTTP/1.0"))
	errNoConnection = statusError(400, errors.New("header Connection does not name upgrade"))
	errUpgradeBody  = statusError(400, errors.New("upgrade request with content"))

	errNotGet = &StatusError{Status: 405, Reason: reasons[405], Err: errors.New("upgrade is not a GET"),
		Headers: []Field{{[]byte("Allow"), []byte("GET")}}}
	errNotGetBody = &StatusError{Status: 405, Reason: reasons[405], Close: true, Err: errNotGet.Err, Headers: errNotGet.Headers}
	errNot13      = &StatusError{Status: 426, Reason: reasons[426], Err: errors.New("WebSocket version is not 13"),
		Headers: []Field{
			{[]byte("Connection"), []byte("Upgrade")},
			{[]byte("Sec-WebSocket-Version"), []byte("13")},
			{[]byte("Upgrade"), []byte("websocket")},
		}}
)

// CheckUpgrade checks the opening handshake (RFC 6455 §4.2.1) in the order of
// protocol.md §1.7, rows 4 to 7: Upgrade and key, HTTP/1.1, method, Connection,
// no content, version, key. Routing, Origin and authentication come before it,
// subprotocols and extensions after. The error is shared: do not change it.
func CheckUpgrade(r *Request) *StatusError {
	key, hasKey := r.Header("Sec-WebSocket-Key")
	switch {
	case !r.IsUpgrade():
		return errNoUpgrade
	case !hasKey:
		return errNoKey
	case r.Minor == 0:
		return errOldVersion
	case string(r.Method) != "GET" && r.HasBody():
		return errNotGetBody
	case string(r.Method) != "GET":
		return errNotGet
	case !r.HasToken("Connection", "upgrade"):
		return errNoConnection
	case r.HasBody():
		return errUpgradeBody
	case !r.HasToken("Sec-WebSocket-Version", "13"):
		return errNot13
	case r.Count("Sec-WebSocket-Key") > 1 || !validKey(key):
		return errKey
	}
	return nil
}

func validKey(key []byte) bool {
	if len(key) != 24 {
		return false
	}
	var raw [18]byte
	n, err := base64.StdEncoding.Decode(raw[:], key)
	return err == nil && n == 16
}
