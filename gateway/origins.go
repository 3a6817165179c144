package gateway

import (
	"github.com/kzfast/kzfast/conf"
	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto"
)

type anyOrigin struct{}

func (anyOrigin) Check(*wsproto.Request, bool) (bool, []wsproto.Field) { return true, nil }

func newOrigins(*conf.Service, *conf.Accept) session.Origins { return anyOrigin{} }
