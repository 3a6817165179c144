// Package auth decides whether the credentials of a request belong to a user
// of a realm and whether that user may enter.
//
//	Authorization ─▶ scheme of the realm? ─▶ login modules ─▶ principals ⊇ required roles? ─▶ OK
//	                   │ no: challenge         │ no             │ no
//	                   ▼                       ▼                ▼
//	                  401           Basic kinds 401, others 403
//
// Everything here is a pure function of immutable values: no files, no clock,
// no sockets, and safe for any goroutine once built. The rules are those of
// config.md §11.3 and §13 and protocol.md §3.5.
package auth
