package conf

import "time"

// A Config is one member's configuration. It is complete, checked and never
// changed after [Load] returned it, so any goroutine may read it.
type Config struct {
	File       string            // absolute path of the file
	Dir        string            // config directory: base of key stores, password and user files
	WebDir     string            // web root of the directory services
	Namespace  Namespace         // of the root element
	Properties map[string]string // the properties block, expanded
	Cluster    *Cluster          // nil: standalone
	Services   []*Service        // in document order, tolerated ones included
	Realms     []*Realm          // in document order
	KeyStore   *Store            // nil: none named
	TrustStore *Store            // nil: system roots
	Gateway    Gateway           // our own process-wide settings
}

// Service gives the service of that name, nil when there is none.
func (c *Config) Service(name string) *Service {
	for _, s := range c.Services {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Gateway is the kz:gateway block.
type Gateway struct {
	DrainTimeout       time.Duration // kz:drain.timeout, 30 s
	DrainCloseCode     int           // kz:drain.close.code, 1001
	Loops              int           // kz:loops, 0: one per CPU
	HandshakeTimeout   time.Duration // kz:handshake.timeout, 0: the service's http.keepalive.timeout
	MaximumConnections int           // kz:maximum.connections, 0: from the fd limit
	ServerHeader       string        // kz:server.header, "Kaazing Gateway"
	BridgeDirectory    string        // kz:bridge.directory, absolute; "" serves no bridge pages
	PortMapping        bool          // kz:balance.port-mapping allowed: H-3 and H-4 are off
}

// Cluster is the cluster element (spec/config.md §7).
type Cluster struct {
	Name     string
	Accepts  []URI // tcp, at least one, all on one port
	Connects []URI // all tcp, or one udp
	Pos      Pos

	MemberName         string    // kz:name, else the first accept URI; "" when that is an interface or the wildcard: the member's address; stable over restarts
	Profile            string    // kz:profile: fast, lan, wan
	Advertise          string    // kz:advertise host or host:port told to other members; "" the accept
	MulticastInterface string    // kz:multicast.interface; "" the one that owns the accept address
	MulticastTTL       int       // kz:multicast.ttl in hops, 32
	KeyFile            string    // kz:key-file, absolute; "" gossip in clear
	Keys               [][]byte  // its keys, first is primary
	AffinityKeyFile    string    // kz:affinity.key-file, absolute; "" none shared
	AffinityKeys       []ByteKey // its keys, newest first
}

// A ByteKey is a secret with the id it is known by on the wire: two hex digits.
type ByteKey struct {
	ID  string
	Key []byte
}

// A Service is one service element.
type Service struct {
	Name        string
	Description string
	Type        string // "echo", "balancer", ... as written after translation
	Tolerated   string // not "": the type is not built here, why; such a service has no sockets and publishes nothing
	Pos         Pos

	Accepts  []*Accept // in document order, without repetitions
	Connects []URI
	Balances []URI
	Weight   int // kz:weight, 1

	AcceptOptions  AcceptOptions
	ConnectOptions ConnectOptions

	// Protected: a request needs a login at Realm, and all RequireRoles; no
	// roles means any user who can log in. Without Protected, Realm is nil.
	Protected    bool
	Realm        *Realm
	RequireRoles []string
	RealmName    string // as written, even where the namespace leaves it without force

	CrossSite []CrossSite       // by document order; origins are distinct
	MIME      map[string]string // extension in lower case to type; directory only

	// Exactly one is set, by Type; none for tolerated types. amqp.proxy has Proxy.
	Echo      *EchoProperties
	Proxy     *ProxyProperties
	HTTPProxy *HTTPProxyProperties
	Directory *DirectoryProperties
	Broadcast *BroadcastProperties
	Balancer  *BalancerProperties
	Redirect  *RedirectProperties
}

// An Accept is one accept URI with the socket it is served on.
type Accept struct {
	URI  URI
	Bind Bind
	TLS  bool // the socket speaks TLS: a secure URI whose ssl.encryption is not disabled
	Pos  Pos
}

// CrossSite is one cross-site-constraint (§11.1).
type CrossSite struct {
	Origin  string        // "*" or scheme://host:port, lower case, port explicit
	Methods []string      // GET, POST when not given
	Headers []string      // allowed besides the fixed list
	MaxAge  time.Duration // valid when HasAge
	HasAge  bool
	Pos     Pos
}

// EchoProperties of type echo.
type EchoProperties struct {
	Repeat int // 1: how often each message is sent back
}

// ProxyProperties of types proxy and amqp.proxy.
type ProxyProperties struct {
	MaximumPendingBytes     int64         // 64000 bytes: reading from the source stops above it
	MaximumRecoveryInterval time.Duration // 0: stays published while the back end is gone
	PreparedConnections     int           // opened ahead of clients; 0 with strategy prepared: one per loop
	ConnectStrategy         string        // immediate, prepared, deferred
}

// HTTPProxyProperties of type http.proxy.
type HTTPProxyProperties struct {
	RewriteCookieDomain bool
	RewriteCookiePath   bool
	RewriteLocation     bool // true
	CookieDomains       []Mapping
	CookiePaths         []Mapping
	Locations           []Mapping
	UseForwarded        string        // inject, ignore, exclude
	CompatErrors        bool          // kz:errors compat: 504 for every connect failure
	ConnectTimeout      time.Duration // kz:connect.timeout, 10 s
	ResponseTimeout     time.Duration // kz:response.timeout until the response head, 60 s; 0 none
}

// A Mapping is one from/to pair of http.proxy.
type Mapping struct{ From, To string }

// DirectoryProperties of type directory.
type DirectoryProperties struct {
	Directory     string // absolute path
	WelcomeFile   string // "" none
	ErrorPages    string // absolute path of <status>.html files
	Indexes       bool
	Locations     []Location // document order; the implicit one of old namespaces last
	Range         bool       // kz:range, off
	FollowLinks   bool       // kz:symbolic-links follow
	ServeDotfiles bool       // kz:dotfiles, on
}

// A Location gives files that match a pattern their Cache-Control header.
type Location struct {
	Patterns     []string // blank-separated globs with ** and *
	CacheControl []CacheDirective
	Text         string // cache-control as written, blanks removed
}

// A CacheDirective is one item of cache-control: a bare name, or name=seconds.
type CacheDirective struct {
	Name     string
	Value    time.Duration // valid when HasValue
	HasValue bool
	Modified bool // m+N: counts from the file's modification time
}

// BroadcastProperties of type broadcast.
type BroadcastProperties struct {
	EchoClients         bool          // on.client.message broadcast
	ReconnectDelay      time.Duration // 3 s
	DropOldest          bool          // kz:slow.consumer drop-oldest
	MaximumPendingBytes int64         // kz:maximum.pending.bytes per subscriber, 16 MiB
}

// BalancerProperties of type balancer. All are ours.
type BalancerProperties struct {
	Mode             string        // auto, redirect, relay
	Policy           string        // random, round-robin, least-connections, weighted
	Affinity         string        // cookie, none, cookie+ip
	AffinityTTL      time.Duration // 24 h; 0 a session cookie
	AffinitySameSite string        // none, lax, strict
	AffinityDomain   string        // "" host-only cookie
	None             int           // status when no member is left: 503, 404, 400
	Location         string        // auto, http, ws, relative
	KeepQuery        bool          // kz:balancer.location.query keep
	Secure           string        // auto, true, false: TLS ended in front of us
}

// RedirectProperties of type http.redirect.
type RedirectProperties struct {
	Location     string
	CacheControl string // "" none
	Status       int    // 300
}

// A Store is a keystore or truststore element. Its content is not decoded here.
type Store struct {
	File     string // absolute path
	Type     string // as declared: JKS, JCEKS, PKCS12, PEM or ""
	Detected string // by content; "" when missing or unknown
	Present  bool   // the file can be read
	Password string // first line of the password file; "" without one
	Pos      Pos
}

// A Realm is one security/realm element.
type Realm struct {
	Name           string
	Description    string // sent as realm="..."
	Scheme         string // "Basic", "Application Basic", ... or ""
	Headers        []string
	QueryParams    []string
	Cookies        []string
	Mode           string        // challenge
	SessionTimeout time.Duration // 0: no limit
	Modules        []*LoginModule
	Unsupported    string // not "": why no service may rely on this realm here
	Pos            Pos
}

// A LoginModule is one step of a realm's chain, in order.
type LoginModule struct {
	Type    string // file, ldap, ...
	Success string // required, requisite, sufficient, optional
	File    string // absolute path of the user file; type file only
	Users   *Users // its content; nil when it could not be read
	Options map[string]string
	Pos     Pos
}

// Users is a user file (§13.4).
type Users struct {
	ByName map[string]*User
}

// A User is one account. Compare Password in constant time.
type User struct {
	Name     string
	Password string
	Roles    []string // with inherited ones, sorted, without repetitions
}
