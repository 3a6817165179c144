package httpproxy

import (
	"net"
	"net/http"
	"runtime"
	"sync"
	"time"
)

const (
	defaultKeepAlive = 30 * time.Second
	defaultConnect   = 10 * time.Second
	defaultHead      = 1 << 20 // bytes
	continueTimeout  = time.Second
)

// newTransport speaks HTTP/1.1 only, takes no proxy from the environment and
// leaves content codings alone. A back-end host that vanishes during a wait is
// noticed by TCP keep-alive within 30 s.
func newTransport(o *Options) *http.Transport {
	connect := orDefault(o.ConnectTimeout, defaultConnect)
	dialer := &net.Dialer{
		Timeout:         connect,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
	}
	idle := orDefault(o.KeepAliveConnections, 2*runtime.GOMAXPROCS(0))
	t := &http.Transport{
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    connect,
		DisableKeepAlives:      o.NoKeepAlive,
		DisableCompression:     true,
		MaxIdleConns:           idle,
		MaxIdleConnsPerHost:    idle,
		IdleConnTimeout:        orDefault(o.KeepAliveTimeout, defaultKeepAlive),
		ResponseHeaderTimeout:  o.ResponseTimeout,
		ExpectContinueTimeout:  continueTimeout,
		MaxResponseHeaderBytes: orDefault(o.MaxResponseHead, defaultHead),
		Protocols:              new(http.Protocols),
	}
	t.Protocols.SetHTTP1(true)
	if o.TLS != nil {
		t.TLSClientConfig = o.TLS.Clone()
	}
	return t
}

func orDefault[T int | int64 | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

// copyBuffer is the size of one read from a back end in bytes.
const copyBuffer = 32 << 10

// buffers holds copy buffers of exactly copyBuffer bytes, one of which every
// response would otherwise allocate (BenchmarkForward).
var buffers bufferPool

type bufferPool struct{ pool sync.Pool }

// Get returns a buffer of copyBuffer bytes.
func (p *bufferPool) Get() []byte {
	if b, ok := p.pool.Get().(*[copyBuffer]byte); ok {
		return b[:]
	}
	return make([]byte, copyBuffer)
}

// Put takes back a buffer from Get.
func (p *bufferPool) Put(b []byte) { p.pool.Put((*[copyBuffer]byte)(b)) }
