package conf

import "time"

// AcceptOptions are the options of the accepting side of a service: its own,
// over those of service-defaults, over the built-in ones (§8, §10.1). Byte
// counts are bytes.
type AcceptOptions struct {
	Binds map[string]Bind // by scheme: ws, wss, http, https, ssl, tcp; see Accept.Bind for the effective one

	MaximumMessageSize  int64         // ws.maximum.message.size, 131072
	InactivityTimeout   time.Duration // ws.inactivity.timeout, 0 off
	KeepaliveTimeout    time.Duration // http.keepalive.timeout, whole seconds, 30 s; else the inactivity timeout
	ServerHeader        bool          // http.server.header, true
	MaximumOutboundRate int64         // tcp.maximum.outbound.rate in bytes per second, 0 unlimited
	TLS                 TLSOptions
	UDPInterface        string // udp.interface

	ReusePort           bool  // kz:tcp.reuse.port
	HeaderMax           int64 // kz:http.header.max, 65536
	ObsFold             bool  // kz:http.obs-fold accept
	UTF8                bool  // kz:ws.utf8, true
	Compression         bool  // kz:ws.compression
	WSEStrict           bool  // kz:wse.strict
	CookieAPI           bool  // kz:http.cookie.api compat, true
	MaximumPendingBytes int64 // kz:maximum.pending.bytes per connection, 0 the engine's limit
	KeepQuery           bool  // kz:location.query keep, true: the query survives the service's own redirects
}

// TLSOptions are the ssl.* options, which tls.* names as well.
type TLSOptions struct {
	Ciphers      []string // as written; nil the platform's
	Protocols    []string // as written, known ones only; nil the platform's
	Encryption   bool     // true
	VerifyClient string   // none, optional, required
}

// ConnectOptions are the options of the connecting side (§10.2).
type ConnectOptions struct {
	Keepalive            bool          // http.keepalive, true
	KeepaliveTimeout     time.Duration // http.keepalive.timeout, 30 s
	KeepaliveConnections int           // http.keepalive.connections, 0: two per loop
	InactivityTimeout    time.Duration // ws.inactivity.timeout, 0 off
	MaximumRedirects     int           // http.maximum.redirects, 0
	AuthAttempts         int           // http.max.authentication.attempts, 0
	UDPInterface         string        // udp.interface
	TLS                  TLSOptions
}
