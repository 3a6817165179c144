package vendorclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/kzfast/kzfast/wsproto/sse"
)

// An Event is one event of a stream.
type Event struct {
	Name, Data, ID string
}

// EventSourceOptions of one event stream. The zero value is a browser's
// EventSource.
type EventSourceOptions struct {
	// Vendor honours location and reconnect, which browsers ignore.
	Vendor bool
	// Retry is the pause before a reconnect until the server names another;
	// 0 is 3 s.
	Retry       time.Duration
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	Trace       func(step string)
}

// An EventSource reads an event stream and reconnects when it breaks
// (spec/protocol.md §7). It is strict: whatever WHATWG says must fail an
// EventSource for good ends it. It belongs to one goroutine.
type EventSource struct {
	o      EventSourceOptions
	hc     *http.Client
	url    string
	body   io.ReadCloser
	cancel context.CancelFunc
	p      sse.Parser
	buf    []byte
	rest   []byte
	opened int
}

// NewEventSource prepares a stream; Next connects.
func NewEventSource(uri string, o EventSourceOptions) *EventSource {
	if o.Retry == 0 {
		o.Retry = 3 * time.Second
	}
	if o.Trace == nil {
		o.Trace = func(string) {}
	}
	return &EventSource{
		o: o, url: uri, buf: make([]byte, 16<<10),
		hc: &http.Client{Transport: &http.Transport{DialContext: o.DialContext, DisableCompression: true}},
	}
}

// ErrEventSource is behind errors after which a browser does not reconnect.
var ErrEventSource = errors.New("event stream failed for good")

// Open connects, unless the stream is open. Events that are sent after it has
// returned are received.
func (s *EventSource) Open(ctx context.Context) error {
	if s.body != nil {
		return nil
	}
	s.o.Trace("open " + s.url)
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	defer stop()
	r, err := http.NewRequestWithContext(life, http.MethodGet, s.url, nil)
	if err != nil {
		cancel()
		return fmt.Errorf("%w: %w", ErrEventSource, err)
	}
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Cache-Control", "no-store")
	if id := s.p.LastEventID; len(id) > 0 {
		r.Header.Set("Last-Event-ID", string(id))
	}
	resp, err := s.hc.Do(r)
	if err == nil && (resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream") {
		resp.Body.Close()
		err = fmt.Errorf("%w: %s, Content-Type %q", ErrEventSource, resp.Status, resp.Header.Get("Content-Type"))
	}
	if err != nil {
		cancel()
		return err
	}
	s.body, s.cancel, s.rest = resp.Body, cancel, nil
	s.p = sse.Parser{LastEventID: s.p.LastEventID, RetryMillis: s.p.RetryMillis}
	s.opened++
	return nil
}

// Next returns the next event; it connects and reconnects as it must.
func (s *EventSource) Next(ctx context.Context) (Event, error) {
	for {
		err := s.Open(ctx)
		if err == nil {
			var ev Event
			var ok bool
			if ev, ok, err = s.read(ctx); ok {
				return ev, nil
			}
		}
		if errors.Is(err, ErrEventSource) || ctx.Err() != nil {
			return Event{}, errors.Join(err, ctx.Err())
		}
		if err != errReconnect {
			s.o.Trace(fmt.Sprintf("lost: %v", err))
			if err := s.pause(ctx); err != nil {
				return Event{}, err
			}
		}
	}
}

var errReconnect = errors.New("reconnect")

// read returns the next event with data. ok is false when the stream is over.
func (s *EventSource) read(ctx context.Context) (ev Event, ok bool, err error) {
	stop := context.AfterFunc(ctx, s.cancel)
	defer stop()
	var m sse.Message
	for {
		for len(s.rest) > 0 {
			n, got, err := s.p.Next(s.rest, &m)
			s.rest = s.rest[n:]
			if err != nil {
				s.drop()
				return ev, false, fmt.Errorf("%w: %w", ErrEventSource, err)
			}
			if !got {
				continue
			}
			if err := s.vendor(&m); err != nil {
				return ev, false, err
			}
			if len(m.Data) > 0 || !m.Reconnect && len(m.Location) == 0 {
				return Event{Name: string(m.Name), Data: string(m.Data), ID: string(s.p.LastEventID)}, true, nil
			}
		}
		n, err := s.body.Read(s.buf)
		if n == 0 && err != nil {
			s.drop()
			return ev, false, err
		}
		s.rest = s.buf[:n]
	}
}

// vendor takes the fields that only the vendor's client knows.
func (s *EventSource) vendor(m *sse.Message) error {
	if !s.o.Vendor {
		return nil
	}
	if len(m.Location) > 0 {
		u, err := url.Parse(s.url)
		if err == nil {
			u, err = u.Parse(string(m.Location))
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrEventSource, err)
		}
		s.url = u.String()
		s.o.Trace("location " + s.url)
	}
	if m.Reconnect {
		s.drop()
		return errReconnect
	}
	return nil
}

func (s *EventSource) pause(ctx context.Context) error {
	d := s.o.Retry
	if ms := s.p.RetryMillis; ms > 0 {
		d = time.Duration(ms) * time.Millisecond
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// URL is where the stream is resumed.
func (s *EventSource) URL() string { return s.url }

// Opened counts the connections so far.
func (s *EventSource) Opened() int { return s.opened }

// Comments counts the comment lines of the current connection: signs of life.
func (s *EventSource) Comments() int { return s.p.Comments }

// RetryMillis is the delay the server asked for, 0 when it has not.
func (s *EventSource) RetryMillis() int64 { return s.p.RetryMillis }

func (s *EventSource) drop() {
	if s.body != nil {
		s.cancel()
		s.body.Close()
		s.body, s.rest = nil, nil
	}
}

// Close ends the stream.
func (s *EventSource) Close() {
	s.drop()
	s.hc.CloseIdleConnections()
}
