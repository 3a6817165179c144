package conf

import "slices"

// propertyRows are the properties of service types (§12.1).
var propertyRows = slices.Concat(
	[]Entry{
		row("echo properties", "repeat", Integer, "1", "how often each message is sent back").within(1, 1<<20).breaking("S-13", ""),
	},
	proxyRows("proxy properties"),
	proxyRows("amqp.proxy properties"),
	[]Entry{
		row("http.proxy properties", "rewrite-cookie-domain", Switch, "disabled", "rewrite the Domain of cookies by cookie-domain-mapping").breaking("S-9", "S-9"),
		row("http.proxy properties", "rewrite-cookie-path", Switch, "disabled", "rewrite the Path of cookies by cookie-path-mapping").breaking("S-9", "S-9"),
		row("http.proxy properties", "rewrite-location", Switch, "enabled", "rewrite Location from the connect to the accept URI").breaking("S-9", "S-9"),
		holder("http.proxy properties", "cookie-domain-mapping", "mapping", "one cookie domain").times(0, Many),
		holder("http.proxy properties", "cookie-path-mapping", "mapping", "one cookie path").times(0, Many),
		holder("http.proxy properties", "location-mapping", "mapping", "one prefix of Location").times(0, Many),
		word("http.proxy properties", "use-forwarded", "ignore", "Forwarded and X-Forwarded-*: pass, add or remove", "inject", "ignore", "exclude").breaking("S-9", "S-9"),
		row("mapping", "from", Name, "", "what the back end sends").times(1, 1),
		row("mapping", "to", Name, "", "what the client gets").times(1, 1),

		row("directory properties", "directory", Name, "", "directory to serve, relative to the web root; file: URIs are absolute").times(1, 1).breaking("S-10", ""),
		row("directory properties", "welcome-file", Name, "", "file served for a directory").breaking("S-10", ""),
		row("directory properties", "error-pages-directory", Name, "", "directory of <status>.html, relative to the parent of the web root"),
		word("directory properties", "options", "", "indexes: list directories without a welcome file", "indexes"),
		holder("directory properties", "location", "location", "Cache-Control of files by pattern; the most specific one wins").times(0, Many),
		row("location", "patterns", Name, "", "blank-separated globs").times(1, 1),
		row("location", "cache-control", CacheControl, "", "directives, units up to years, m+ counts from the modification time").times(1, 1),

		word("broadcast properties", "on.client.message", "noop", "what becomes of messages from clients", "noop", "broadcast"),
		row("broadcast properties", "reconnect.delay", Integer, "3000", "milliseconds between attempts to reach the back end").within(0, 86400000).breaking("S-13", ""),
		row("broadcast properties", "accept", Text, "", "listen for the back end").as(Refused, "a back end that connects to the gateway is not supported since 2014/09; use a connect URI"),

		row("http.redirect properties", "location", URIValue, "", "URI clients are sent to").times(1, 1).breaking("S-11", ""),
		row("http.redirect properties", "cache-control", Text, "", "Cache-Control of the answer"),
		row("http.redirect properties", "status-code", Integer, "300", "status of the answer").within(300, 399).breaking("S-11", ""),
	},
)

func proxyRows(parent string) []Entry {
	return []Entry{
		row(parent, "connect", URIValue, "", "old form of the connect child"),
		row(parent, "maximum.pending.bytes", Size, "64000", "bytes waiting for one side before the other is no longer read; resumed at half"),
		row(parent, "maximum.recovery.interval", Integer, "0", "seconds between probes of a lost back end at most; the service is withdrawn meanwhile; 0 stays").within(0, 1<<31-1).breaking("S-13", ""),
		row(parent, "prepared.connection.count", Integer, "0", "back-end connections opened ahead of clients, of all loops together, at least one each").within(0, 1<<20).breaking("S-13", ""),
		word(parent, "connect.strategy", "", "when the back end is dialled; prepared when a count is set, else immediate; a ws back end cannot be prepared and is dialled when the client comes", "immediate", "prepared", "deferred").breaking("S-12", ""),
		row(parent, "internal.maximum.transferred.bytes", Size, "", "internal to the predecessor").as(Ignored, "it is internal to the predecessor"),
	}
}

// kzRows are our own elements. They may stand anywhere among the children of
// their parent.
var kzRows = []Entry{
	holder("gateway-config", "kz:gateway", "kz:gateway", "settings of the whole process"),
	row("kz:gateway", "kz:drain.timeout", Interval, "30 s", "time sessions are given to end when the member drains"),
	row("kz:gateway", "kz:drain.close.code", Integer, "1001", "close code sent to sessions still open then").within(1000, 4999),
	row("kz:gateway", "kz:loops", Integer, "0", "event loops; 0 one per CPU").within(0, 256),
	row("kz:gateway", "kz:handshake.timeout", Interval, "0", "for the first byte of a connection's first request, and for a request's head from its first byte on; 0 is 30 s and 5 s"),
	row("kz:gateway", "kz:maximum.connections", Integer, "0", "connections at once; 0 from the limit of file descriptors").within(0, 1<<31-1),
	row("kz:gateway", "kz:server.header", Name, "Kaazing Gateway", "text of the Server header"),
	row("kz:gateway", "kz:bridge.directory", Path, "", "directory of the vendor library's bridge pages, NAME.html for /?.kr=NAME"),
	word("kz:gateway", "kz:balance.port-mapping", "refused", "accept and balance URIs may differ in port, path and scheme", "refused", "allowed"),

	row("cluster", "kz:name", Name, "", "name of this member, stable over restarts and unique; its first accept URI, its address when that is an interface or 0.0.0.0"),
	row("cluster", "kz:key-file", Path, "", "file of base64 keys, 16, 24 or 32 bytes each, first is primary; gossip is in clear without it"),
	word("cluster", "kz:profile", "fast", "how fast a silent death is noticed", "fast", "lan", "wan"),
	row("cluster", "kz:advertise", Name, "", "host or host:port other members should use; the accept"),
	row("cluster", "kz:multicast.interface", Name, "", "interface for discovery; the one that owns the accept address"),
	row("cluster", "kz:multicast.ttl", Integer, "32", "hops a discovery datagram may take").within(1, 255),
	row("cluster", "kz:affinity.key-file", Path, "", "file of up to 3 base64 keys of 32 bytes for affinity cookies, newest first; shared by all members"),

	row("service", "kz:weight", Integer, "1", "share of new clients under the weighted policy; 0 counts as 1").within(0, 65535),

	row("accept-options", "kz:tcp.reuse.port", Switch, "disabled", "share the socket with other processes of this host"),
	row("accept-options", "kz:http.header.max", Size, "64k", "bytes of a request head, the largest of the services on the socket; more is answered 431"),
	word("accept-options", "kz:http.obs-fold", "refuse", "continuation lines in a request head; accepted when one service on the socket accepts them", "accept", "refuse"),
	word("accept-options", "kz:ws.utf8", "on", "check text messages for valid UTF-8", "on", "off"),
	row("accept-options", "kz:ws.compression", Switch, "disabled", "offer permessage-deflate"),
	row("accept-options", "kz:wse.strict", Switch, "disabled", "emulated WebSocket to the letter of the specification"),
	word("accept-options", "kz:http.cookie.api", "compat", "cookie helper of the vendor's JavaScript client", "compat", "off"),
	row("accept-options", "kz:maximum.pending.bytes", Size, "0", "bytes waiting for one connection before it is reset; 0 the engine's limit"),
	word("accept-options", "kz:location.query", "keep", "query of a request on redirects this service makes itself", "keep", "drop"),

	word("balancer properties", "kz:balancer.mode", "auto", "redirect clients, relay them, or relay only those that cannot follow", "auto", "redirect", "relay"),
	word("balancer properties", "kz:balancer.policy", "random", "how a member is chosen", "random", "round-robin", "least-connections", "weighted"),
	word("balancer properties", "kz:balancer.affinity", "cookie", "what brings a client back to its member", "cookie", "none", "cookie+ip"),
	row("balancer properties", "kz:affinity.ttl", Interval, "24 hours", "life of the cookie; 0 a session cookie"),
	word("balancer properties", "kz:affinity.samesite", "none", "SameSite of the cookie over TLS", "none", "lax", "strict"),
	row("balancer properties", "kz:affinity.domain", Name, "", "Domain of the cookie; a host-only cookie"),
	word("balancer properties", "kz:balancer.none", "503", "status when no member is left", "503", "404", "400"),
	word("balancer properties", "kz:balancer.location", "auto", "form of the Location header for WebSocket clients", "auto", "http", "ws", "relative"),
	word("balancer properties", "kz:balancer.location.query", "drop", "query of the request on the redirect of plain WebSocket clients", "drop", "keep"),
	word("balancer properties", "kz:balancer.secure", "auto", "whether clients come over TLS that ends in front of us", "auto", "true", "false"),

	word("broadcast properties", "kz:slow.consumer", "close", "what happens to a subscriber over its limit", "close", "drop-oldest"),
	row("broadcast properties", "kz:maximum.pending.bytes", Size, "16M", "bytes waiting for one subscriber"),

	word("directory properties", "kz:range", "off", "answer Range requests", "on", "off"),
	word("directory properties", "kz:symbolic-links", "restricted", "links that leave the directory: not found, or followed", "restricted", "follow"),
	word("directory properties", "kz:dotfiles", "serve", "files whose name starts with a dot", "serve", "hide"),

	word("http.proxy properties", "kz:errors", "standard", "502 and 504 as the standard says, or 504 always", "standard", "compat"),
	row("http.proxy properties", "kz:connect.timeout", Interval, "10 s", "time to reach the back end"),
	row("http.proxy properties", "kz:response.timeout", Interval, "60 s", "time until the back end's response head; 0 no limit"),
}
