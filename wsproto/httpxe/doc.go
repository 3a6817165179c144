// Package httpxe renders HTTP responses byte for byte as Kaazing clients
// expect them and wraps them into the HTTP envelope "httpxe" (protocol.md
// §1.3-§1.5, §1.9).
//
// Scripts in a bridge page, and plug-ins, cannot see a response's status or
// headers. For them the real (inner) response travels in the body of an outer
// one that is always 200, or 404 when the inner one is:
//
//	HTTP/1.1 200 OK                      outer head: what a cache, the browser
//	Cache-Control: no-cache              and the connection must know
//	Content-Length: 75
//	Content-Type: text/plain;charset=UTF-8
//
//	HTTP/1.1 302 Found                   inner head: what the client must know
//	Location: http://node1/echo/;e/ctm
//
//	(body)
//
// A [Response] holds one inner response; [Response.Append] renders it plain or
// wrapped, according to the [Via] that [Detect] found for the request. An
// [Envelope] is the way in: a request inside the body of a POST.
//
// The package is bytes in, bytes out: no I/O, no clock, no goroutine.
package httpxe
