package gateway

import (
	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto/origin"
)

// policyFiles are the access policy files of one port (spec/protocol.md §1.2).
// They are immutable once built.
type policyFiles struct {
	access map[string][]origin.Access
	files  map[string]session.AccessPolicy // by authority
}

func newPolicyFiles() policyFiles {
	return policyFiles{make(map[string][]origin.Access), make(map[string]session.AccessPolicy)}
}

// add puts an accept path into the file of its authority.
func (p *policyFiles) add(authority string, a origin.Access, secure bool) {
	for _, name := range namesOf(authority, secure) {
		p.access[name] = append(p.access[name], a)
		if body, maxAge, ok := origin.AppendAccessPolicy(nil, p.access[name]); ok {
			p.files[name] = session.AccessPolicy{Body: body, MaxAge: maxAge}
		}
	}
}
