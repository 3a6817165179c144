package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kzfast/kzfast/balance"
	"github.com/kzfast/kzfast/cluster"
	"github.com/kzfast/kzfast/conf"
	"github.com/kzfast/kzfast/engine"
	"github.com/kzfast/kzfast/service/broadcast"
	"github.com/kzfast/kzfast/service/proxy"
	"github.com/kzfast/kzfast/session"
	"github.com/kzfast/kzfast/wsproto"
)

// Options of a gateway besides its configuration.
type Options struct {
	Logger  *slog.Logger // nil discards
	Version string       // software version told to other members
}

// A Gateway is one running member, or a standalone gateway. Its methods are
// safe for any goroutine, each of New, Start, Drain and Stop in that order.
type Gateway struct {
	cfg     *conf.Config
	log     *slog.Logger
	version string
	ctx     context.Context // ends with Stop
	cancel  context.CancelFunc

	engine  *engine.Engine
	workers []*session.Worker // by loop index
	shape   session.Shape
	table   *balance.Directory
	cluster *cluster.Cluster // nil: standalone
	joined  chan struct{}    // closed when cluster is set; events wait for it

	sockets  []*socket
	binding  sync.Mutex // guards the listeners of sockets, and closed; loops never take it
	closed   bool       // nothing listens any more
	services []*service
	byConf   map[*conf.Service]*service
	routeOf  map[string]*session.Route       // by canonical accept URI
	handlers map[*session.Route]http.Handler // of routes with HTTP
	cookies  map[string]*balance.Affinity    // by balancer service name
	bridge   *session.Route                  // of the vendor's bridge pages; nil without
	names    nameCache
	webs     sync.WaitGroup

	advert   advertiser
	others   map[string]*balance.Advert // of other members; events goroutine only
	dumps    *coalescer
	reported atomic.Pointer[[]string] // the state printed last
	stopping time.Time                // when Drain began, or Stop without it
	helpers  sync.WaitGroup           // goroutines that end with ctx
}

// New builds a gateway of cfg. Nothing listens yet, but names are resolved.
func New(cfg *conf.Config, o Options) (*Gateway, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	g := &Gateway{
		cfg: cfg, log: o.Logger, version: o.Version,
		joined:   make(chan struct{}),
		others:   make(map[string]*balance.Advert),
		byConf:   make(map[*conf.Service]*service),
		routeOf:  make(map[string]*session.Route),
		handlers: make(map[*session.Route]http.Handler),
		cookies:  make(map[string]*balance.Affinity),
	}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.dumps = newCoalescer(g.ctx, dumpDelay, g.reportChange)
	if err := g.build(); err != nil {
		g.cancel()
		return nil, err
	}
	return g, nil
}

func (g *Gateway) build() (err error) {
	g.shape = session.Shape{
		Server:      g.cfg.Gateway.ServerHeader,
		Head:        wsproto.HeadLimits{},
		HeadTimeout: g.cfg.Gateway.HandshakeTimeout,
		IdleTimeout: g.cfg.Gateway.HandshakeTimeout,
		Logger:      g.log,
	}
	if err = g.buildTable(); err != nil {
		return err
	}
	if err = g.buildServices(); err != nil {
		return err
	}
	if err = g.buildBridge(); err != nil {
		return err
	}
	return g.plan()
}

// Start joins the cluster, opens every listener and publishes what is
// balanced. On an error everything opened is closed again.
func (g *Gateway) Start(ctx context.Context) (err error) {
	began := time.Now()
	defer func() {
		if err != nil {
			g.stop(ctx)
		}
	}()
	g.say("%s (%s)", productTitle, g.version)
	g.say("Configuration file: %s", g.cfg.File)
	if err = g.startEngine(); err != nil {
		return err
	}
	if err = g.join(ctx); err != nil {
		return err
	}
	for _, s := range g.services {
		if s.conf.Type == "balancer" {
			g.say("Finished  HttpBalancerService.init()")
			g.reportState()
		}
	}
	g.foresee()
	if err = g.listen(); err != nil {
		return err
	}
	for _, s := range g.services {
		s.start()
	}
	g.publish(balance.Up)
	g.reportBound("bound")
	g.reportStarted(began)
	if g.cluster != nil {
		g.helpers.Go(g.tellLoad)
	}
	return nil
}

const productTitle = "kzfast"

func (g *Gateway) startEngine() (err error) {
	g.engine, err = engine.New(engine.Options{
		Loops:    numLoops(g.cfg.Gateway.Loops),
		MaxConns: g.cfg.Gateway.MaximumConnections,
		Logger:   g.log,
	})
	if err != nil {
		return err
	}
	for i := range g.engine.NumLoops() {
		w := session.NewWorker(loop{g.engine.Loop(i)}, i, &g.shape)
		w.Loops, w.MoveTo = g.engine.NumLoops(), g.move
		g.workers = append(g.workers, w)
	}
	return nil
}

// numLoops is one loop per processor unless n says how many, but no more than
// services are made for.
func numLoops(n int) int {
	if n == 0 {
		n = runtime.GOMAXPROCS(0)
	}
	return min(n, proxy.MaxLoops, broadcast.MaxLoops)
}

// listen opens the planned sockets.
func (g *Gateway) listen() error {
	for _, k := range g.sockets {
		err := g.open(k)
		if err != nil && k.addr.Addr().Is6() && k.accept.Bind.Option == "" {
			g.log.Warn("listener skipped", "uri", k.accept.URI.String(), "addr", k.addr.String(), "err", err)
			continue
		}
		if err != nil {
			return openFault(k, err)
		}
		for _, p := range k.ports {
			g.webs.Go(p.web.serve)
		}
	}
	return nil
}

func (g *Gateway) open(k *socket) (err error) {
	if k.udp {
		k.datagrams, err = g.listenDatagrams(k)
	} else {
		k.listener, err = g.engine.Listen(k.addr, engine.ListenOptions{ReusePort: k.reusePort, Open: g.openOn(k)})
	}
	return err
}

// openOn makes sessions of a socket's connections.
func (g *Gateway) openOn(k *socket) func(*engine.Conn) engine.Handler {
	if k.raw != nil {
		return func(c *engine.Conn) engine.Handler {
			if k.raw.Unbound.Load() || k.raw.Draining.Load() {
				return nil
			}
			return g.workers[c.Loop().Index()].OpenStream(c, k.raw)
		}
	}
	if len(k.ports) == 1 {
		for _, p := range k.ports {
			return g.opener(p)
		}
	}
	return func(c *engine.Conn) engine.Handler {
		p := k.portOf(c.LocalAddr())
		if p == nil {
			return nil
		}
		return g.workers[c.Loop().Index()].Open(c, &p.Port)
	}
}

func (g *Gateway) opener(p *port) func(*engine.Conn) engine.Handler {
	return func(c *engine.Conn) engine.Handler {
		return g.workers[c.Loop().Index()].Open(c, &p.Port)
	}
}

// Addrs lists the listening addresses.
func (g *Gateway) Addrs() []string {
	g.binding.Lock()
	defer g.binding.Unlock()
	var list []string
	for _, k := range g.sockets {
		if k.listener != nil {
			list = append(list, k.listener.Addr().String())
		}
		if k.datagrams != nil {
			list = append(list, k.datagrams.addr().String())
		}
	}
	return list
}

// Stop ends everything at once: listeners, sessions, membership. It returns
// when nothing of the gateway runs any more, or with ctx.
func (g *Gateway) Stop(ctx context.Context) error {
	if g.stopping.IsZero() {
		g.reportStopping()
		g.reportStoppingServices()
	}
	err := g.stop(ctx)
	g.reportStopped()
	return err
}

func (g *Gateway) stop(ctx context.Context) error {
	var errs []error
	for _, s := range g.services {
		s.stop()
	}
	g.closeListeners()
	for _, k := range g.sockets {
		if k.datagrams != nil {
			k.datagrams.close()
		}
		for _, p := range k.ports {
			p.web.stop(ctx)
		}
	}
	g.webs.Wait()
	if g.engine != nil {
		errs = append(errs, g.engine.Stop(ctx))
	}
	if !g.stopping.IsZero() {
		g.reportStoppedServices()
	}
	if g.cluster != nil {
		g.leave(ctx)
	}
	g.cancel()
	g.names.wait()
	g.helpers.Wait()
	g.dumps.wait()
	return errors.Join(errs...)
}

func (g *Gateway) closeListeners() {
	g.binding.Lock()
	defer g.binding.Unlock()
	g.closed = true
	for _, k := range g.sockets {
		if k.listener != nil {
			k.listener.Close()
		}
	}
}
