package cookies

import "bytes"

// An Op is what a cookie helper path asks for.
type Op uint8

const (
	Unknown Op = iota // 404
	Get
	Set
	Delete
)

var marker = []byte("/;api/")

// ParsePath takes a decoded request path apart. service aliases path and is "/"
// at least; ok is false when the path is not below `/;api/`.
func ParsePath(path []byte) (service []byte, op Op, ok bool) {
	i := bytes.Index(path, marker)
	if i < 0 {
		return nil, Unknown, false
	}
	service = path[:max(i, 1)]
	name := path[i+len(marker):]
	if j := bytes.IndexAny(name, "&?"); j >= 0 {
		name = name[:j]
	}
	switch string(name) {
	case "get-cookies":
		op = Get
	case "set-cookies":
		op = Set
	case "delete-cookies":
		op = Delete
	}
	return service, op, true
}
