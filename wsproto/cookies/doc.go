// Package cookies answers the cookie helper under `<service>/;api/`
// (protocol.md §1.10): scripts that see no response header hand Set-Cookie
// values back in a request body and get them as real headers.
//
//	POST /echo/;api/set-cookies        HTTP/1.1 200 OK
//	Content-Type: text/plain           Set-Cookie: KSSOID=1; Path=/
//	                                   Content-Length: 0
//	KSSOID=1; Path=/
//
// It never sets a cookie with the affinity prefix of §4.6, and a Domain only
// for a service that has one. [Preflight] answers the Java client's
// `/;e/cookies`. The origin check (package origin) runs before all of this.
//
// The package is bytes in, bytes out: no I/O, no clock, no goroutine.
package cookies
