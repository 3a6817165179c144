package conf

// structureRows are the containers and everything that is neither an option
// nor a property of a service.
var structureRows = []Entry{
	holder("gateway-config", "properties", "properties", "parameters for ${name}; first child").breaking("", "E-3"),
	holder("gateway-config", "service", "service", "one service").times(0, Many),
	holder("gateway-config", "service-defaults", "service-defaults", "options every service starts from").breaking("", "E-7"),
	holder("gateway-config", "security", "security", "stores and realms").breaking("", "E-6"),
	holder("gateway-config", "cluster", "cluster", "the group this member belongs to").breaking("", "E-5"),

	holder("properties", "property", "property", "one parameter").times(1, Many),
	row("property", "name", Name, "", "name of the parameter").times(1, 1),
	row("property", "value", Text, "", "its text; may hold ${name}").times(1, 1),

	row("cluster", "name", Text, "", "group name; members with another name never join").times(1, 1),
	word("cluster", "mode", "", "3.x only", "peer").until(NS201209).as(Ignored, "members of a cluster are equal; remove the element"),
	row("cluster", "accept", URIValue, "", "tcp://host:port for member traffic, on a local address").times(0, Many),
	row("cluster", "connect", URIValue, "", "one udp://group:port, or any number of tcp://host:port").times(0, Many),
	holder("cluster", "connect-options", "connect-options of cluster", "keys of aws discovery").as(Refused, "aws discovery is not supported; list the members with tcp:// connects"),
	row("connect-options of cluster", "aws.access-key-id", Text, "", "aws discovery").times(1, 1),
	row("connect-options of cluster", "aws.secret-key", Text, "", "aws discovery").times(1, 1),

	holder("service-defaults", "accept-options", "accept-options", "merged option by option under each service's own"),
	holder("service-defaults", "connect-options", "connect-options", "merged option by option under each service's own"),
	holder("service-defaults", "mime-mapping", "mime-mapping", "content type of an extension").times(0, Many),

	row("service", "name", Text, "", "unique name").times(1, 1),
	row("service", "description", Text, "", "free text"),
	row("service", "accept", URIValue, "", "public URI clients use").times(0, Many),
	row("service", "connect", URIValue, "", "back end; several are tried in order, of datagrams all are heard").times(0, Many),
	row("service", "balance", URIValue, "", "balancer URI this service stands behind").times(0, Many),
	row("service", "notify", URIValue, "", "push notifications of a retired product").times(0, Many).as(Ignored, "push notifications (APNs) are not supported; remove it"),
	row("service", "type", Name, "", "service type").times(1, 1).breaking("X-5", "E-3"),
	holder("service", "properties", "", "settings of the service type"),
	holder("service", "accept-options", "accept-options", "accepting side"),
	holder("service", "connect-options", "connect-options", "connecting side"),
	row("service", "realm-name", Name, "", "realm whose users may use the service"),
	holder("service", "authorization-constraint", "authorization-constraint", "roles a user needs; all of all constraints").times(0, Many),
	holder("service", "auth-constraint", "authorization-constraint", "old name").times(0, Many).aliasOf("authorization-constraint").until(NS201209),
	holder("service", "mime-mapping", "mime-mapping", "content type of an extension").times(0, Many),
	holder("service", "cross-site-constraint", "cross-site-constraint", "an origin that may use the service").times(0, Many),

	row("mime-mapping", "extension", Name, "", "file extension").times(1, 1),
	row("mime-mapping", "mime-type", Name, "", "content type").times(1, 1),

	row("authorization-constraint", "require-role", Name, "", "role or user name that is required").times(0, Many),
	row("authorization-constraint", "require-valid-user", Text, "", "any user who can log in").times(0, Many),

	row("cross-site-constraint", "allow-origin", Name, "", "* or http(s)://host[:port]").times(1, 1),
	row("cross-site-constraint", "allow-methods", CSV, "GET,POST", "methods the origin may use"),
	row("cross-site-constraint", "allow-headers", CSV, "", "headers it may send besides the fixed list"),
	row("cross-site-constraint", "maximum-age", Integer, "", "seconds a browser may remember the preflight answer"),
}

// securityRows are the children of security.
var securityRows = []Entry{
	holder("security", "keystore", "keystore", "keys and certificates of TLS accepts").as(Later, "TLS accepts are not served yet, the store is looked at and not used"),
	holder("security", "truststore", "truststore", "certificates to trust in https back ends, of PEM, JKS and JCEKS stores; without it the system's"),
	holder("security", "realm", "realm", "one realm").times(0, Many),

	word("keystore", "type", "", "format; detected by content", "JKS", "JCEKS", "PKCS12", "PEM"),
	row("keystore", "file", Path, "", "relative to the config directory").times(1, 1),
	row("keystore", "password-file", Path, "", "its first line is the password"),
	word("truststore", "type", "", "format; detected by content", "JKS", "JCEKS", "PKCS12", "PEM"),
	row("truststore", "file", Path, "", "relative to the config directory").times(1, 1),
	row("truststore", "password-file", Path, "", "its first line is the password"),

	row("realm", "name", Name, "", "unique name").times(1, 1),
	row("realm", "description", Text, "", `text sent as realm="..."`),
	row("realm", "user-principal-class", Text, "", "Java class").times(0, Many).as(Ignored, "it names a Java class; users here have a name and roles"),
	holder("realm", "authentication", "authentication", "how clients log in"),

	word("authentication", "http-challenge-scheme", "", "who answers the 401, and how; Basic and Application Basic are served, a service that relies on another is refused", "Basic", "Negotiate", "Application Basic", "Application Negotiate", "Application Token"),
	row("authentication", "http-header", Name, "", "header that may carry the token when there is no Authorization").times(0, Many),
	row("authentication", "http-query-parameter", Name, "", "query parameter that may carry it").times(0, Many),
	row("authentication", "http-cookie", Name, "", "cookie that may carry it").times(0, Many),
	word("authentication", "authorization-mode", "challenge", "treated as challenge whatever is written", "challenge", "validate", "recycle"),
	row("authentication", "authorization-timeout", Interval, "", "a setting of the Enterprise Edition").as(Ignored, "it belongs to the Enterprise Edition; use session-timeout"),
	row("authentication", "session-timeout", Interval, "0", "longest life of a WebSocket after login, then it is closed with 1000; 0 no limit"),
	holder("authentication", "login-modules", "login-modules", "chain of modules, in order"),

	holder("login-modules", "login-module", "login-module", "one module").times(0, Many),
	row("login-module", "type", Name, "", "file; ldap, keystore and jndi are read and refused when used").times(1, 1),
	word("login-module", "success", "", "what its result means for the chain", "required", "requisite", "sufficient", "optional").times(1, 1).breaking("T-9", ""),
	holder("login-module", "options", "", "settings of the module"),

	row("options of module file", "file", Path, "", "user file, relative to the config directory"),
	row("options of module file", "filename", Path, "", "the manual's spelling of file").aliasOf("file"),
	row("options of module file", "debug", Text, "", "a setting of the Java module").as(Ignored, "log levels decide what is logged"),
}
