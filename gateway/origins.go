package gateway

import (
	"time"

	"github.com/kzfast/kzfast/conf"
	"github.com/kzfast/kzfast/wsproto/origin"
)

// newPolicy is what an accept URI says about the pages that may use it.
func newPolicy(c *conf.Service, a *conf.Accept) *origin.Policy {
	p := &origin.Policy{Accept: canonicalOrigin(a.URI)}
	for _, b := range c.Balances {
		p.Balance = append(p.Balance, canonicalOrigin(b))
	}
	for _, x := range c.CrossSite {
		p.Constraints = append(p.Constraints, origin.Constraint{
			Origin: x.Origin, Methods: x.Methods, Headers: x.Headers,
			MaxAge: int64(x.MaxAge / time.Second), HasMaxAge: x.HasAge,
		})
	}
	return p
}

// canonicalOrigin is a URI's origin as policies hold it.
func canonicalOrigin(u conf.URI) string {
	h := u.HTTP()
	return h.Scheme + "://" + h.Authority()
}
