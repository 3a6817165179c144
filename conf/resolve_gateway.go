package conf

func (l *loader) resolveGateway() {
	s := settingsOf("kz:gateway", l.root.one("kz:gateway"))
	g := &l.cfg.Gateway
	g.DrainTimeout = s.interval("kz:drain.timeout")
	g.DrainCloseCode = s.integer("kz:drain.close.code")
	g.Loops = s.integer("kz:loops")
	g.HandshakeTimeout = s.interval("kz:handshake.timeout")
	g.MaximumConnections = s.integer("kz:maximum.connections")
	g.ServerHeader = s.text("kz:server.header")
	if s.has("kz:bridge.directory") {
		g.BridgeDirectory = l.path(s.text("kz:bridge.directory"))
	}
	g.PortMapping = l.o.PortMapping || s.on("kz:balance.port-mapping", "allowed")
	if !sendableCode(g.DrainCloseCode) {
		l.errorf(s.pos("kz:drain.close.code"), "KZ-16", "<kz:drain.close.code> %d may not be sent in a close frame; use 1001, 1012 or a code from 3000 to 4999", g.DrainCloseCode)
	}
	if !isFieldValue(g.ServerHeader) {
		l.errorf(s.pos("kz:server.header"), "KZ-16", "<kz:server.header> %q holds characters a header may not; use printable ASCII", shown(g.ServerHeader))
	}
}

// sendableCode follows RFC 6455 §7.4.
func sendableCode(code int) bool {
	switch {
	case code >= 3000 && code <= 4999:
		return true
	case code >= 1000 && code <= 1014:
		return code != 1004 && code != 1005 && code != 1006
	}
	return false
}

func isFieldValue(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}
