package wsx

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/kzfast/kzfast/wsproto"
	"github.com/kzfast/kzfast/wsproto/httpxe"
)

// AppendRequest appends an inner request as the vendor's clients send it, in
// one text (JavaScript) or binary (Java) message. protocols and extensions are
// comma-separated lists; authorization may be empty.
func AppendRequest(dst []byte, target, protocols, extensions, authorization string) []byte {
	dst = append(append(append(dst, "GET "...), target...), " HTTP/1.1\r\n"...)
	dst = append(dst, "WebSocket-Protocol: \r\n"...)
	dst = append(append(append(dst, "Sec-WebSocket-Protocol: "...), protocols...), "\r\n"...)
	dst = append(append(append(dst, "Sec-WebSocket-Extensions: "...), extensions...), "\r\n"...)
	if authorization != "" {
		dst = append(append(append(dst, "Authorization: "...), authorization...), "\r\n"...)
	}
	return append(dst, "\r\n"...)
}

// A Response is an inner response at the client. Its slices alias the parsed
// bytes.
type Response struct {
	Status int
	Reason []byte
	Fields []wsproto.Field
	Body   []byte
}

var errStatusLine = errors.New("bad status line")

// Parse reads a complete inner response: head, and what Content-Length says of
// a body.
func (r *Response) Parse(b []byte) error {
	start, fields, n, err := httpxe.ParseHead(b, r.Fields[:0])
	r.Fields = fields
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("inner response ends inside its head after %d bytes", len(b))
	}
	line, ok := bytes.CutPrefix(start, []byte("HTTP/1.1 "))
	if !ok || len(line) < 3 || len(line) > 3 && line[3] != ' ' {
		return errStatusLine
	}
	if r.Status, err = strconv.Atoi(string(line[:3])); err != nil || r.Status < 100 {
		return errStatusLine
	}
	r.Reason = bytes.TrimPrefix(line[3:], []byte{' '})
	r.Body = b[n:]
	if v, ok := httpxe.Find(fields, "Content-Length"); ok {
		want, err := strconv.Atoi(string(v))
		if err != nil || want != len(r.Body) {
			return fmt.Errorf("inner response with %d body bytes, Content-Length %.20q", len(r.Body), v)
		}
	}
	return nil
}

// An Event is what a server's message means to a client in the handshake.
type Event uint8

const (
	More       Event = iota // nothing yet
	SendInner               // send the inner request now
	Challenged              // 401: send another one with credentials, or give up
	Moved                   // reconnect to URI
	Empty                   // a balancer without members
	Refused                 // Response says why; the connection will be closed
	Open                    // application data from here on
)

// A Client follows the extended handshake of a connection that was opened with
// .kl=Y and [Subprotocol], as the vendor's clients do: a directive, the inner
// response up to the empty message, a directive. The zero value waits for the
// first message after the outer 101.
type Client struct {
	URI      []byte     // Moved
	Response Response   // Challenged, Refused, Open
	Granted  Extensions // Open

	state uint8
	buf   []byte
}

const (
	beforeInner = iota
	inInner
	afterInner
	done
)

var (
	errDirective = errors.New("first message is no directive")
	errGrant     = errors.New("bad extension grant")
	errFinished  = errors.New("message after the handshake")
)

// Message takes the payload of the next complete message, text or binary. An
// error means that the client must fail the connection.
func (c *Client) Message(p []byte) (Event, error) {
	switch c.state {
	case inInner:
		return c.inner(p)
	case done:
		return More, errFinished
	}
	d, uri := ParseDirective(p)
	switch d {
	case Continue:
		if c.state == beforeInner {
			c.state = inInner
			return SendInner, nil
		}
		c.state = done
		return Open, nil
	case Redirect:
		c.state = done
		c.URI = append(c.URI[:0], uri...)
		return Moved, nil
	case NoMember:
		c.state = done
		return Empty, nil
	}
	return More, errDirective
}

func (c *Client) inner(p []byte) (Event, error) {
	if len(p) > 0 {
		if len(c.buf)+len(p) > MaxRequest {
			return More, fmt.Errorf("inner response above %d bytes", MaxRequest)
		}
		c.buf = append(c.buf, p...)
		return More, nil
	}
	b := c.buf
	c.buf = nil
	if err := c.Response.Parse(b); err != nil {
		return More, err
	}
	switch c.Response.Status {
	case 101:
		var ok bool
		if c.Granted, ok = ParseGrants(c.Response.Fields); !ok {
			return More, errGrant
		}
		c.state = afterInner
		return More, nil
	case 401:
		return Challenged, nil
	}
	c.state = done
	return Refused, nil
}
