// Package wsproto is RFC 6455 on byte slices: the HTTP/1.x heads of the opening
// handshake, frames, close frames and RFC 7692 messages.
//
// It never does I/O, never reads a clock, never starts a goroutine and keeps no
// global state. Random bytes (client keys and masks), dates and limits are
// given by the caller, so every function is a pure map from bytes to bytes.
//
// # Bytes
//
// A frame is a header of 2 to 14 bytes and a payload:
//
//	 0               1               2..9            then
//	+-+-+-+-+-------+-+-------------+---------------+-----------+---------
//	|F|R|R|R| opcode|M| length      | 0, 2 or 8     | mask, 0   | payload
//	|I|S|S|S|       |A| 0..125,     | bytes of real | or 4      |
//	|N|V|V|V|       |S| 126, 127    | length        | bytes     |
//	+-+-+-+-+-------+-+-------------+---------------+-----------+---------
//
// # States
//
// A [Decoder] is between frames, inside a header (it then holds the bytes seen)
// or inside a payload, and independently of that between messages or inside a
// fragmented one. Payload bytes are never kept: they are unmasked where they
// lie and handed out as a [Frame] that aliases the input.
//
// # Use
//
// A server reads a head with [Request.Parse], checks it with [CheckUpgrade],
// answers with [Answer.Append], and from then on feeds everything it receives
// to [Decoder.Next]:
//
//	for len(p) > 0 {
//		n, ok, err := dec.Next(p, &limits, &f)
//		if err != nil {
//			return err // a *CloseError: fail the connection with its code
//		}
//		if ok {
//			handle(&f) // f.Data == p[n-len(f.Data):n]
//		}
//		p = p[n:]
//	}
//
// A client does the same with [Handshake], [Response] and [Limits].Client.
package wsproto
