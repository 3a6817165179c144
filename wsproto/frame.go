package wsproto

// MaxControl is the largest payload of a control frame in bytes (RFC 6455 §5.5).
const MaxControl = 125

// MaxHeader is the longest frame header in bytes: 2, a 64-bit length and a mask.
const MaxHeader = 14

// A Frame is one frame or one chunk of it, as [Decoder.Next] yields it.
//
// A frame that arrives in one piece is one Frame with Off 0 and all of its
// payload in Data; a frame that arrives in pieces, or is larger than the read
// buffer, comes as several Frames that differ only in Off and Data. Data is
// valid as long as the slice given to Next is.
type Frame struct {
	Op   Opcode
	Fin  bool   // the message ends with this frame
	RSV1 bool   // first frame of a compressed message (RFC 7692 §6)
	Len  int64  // payload bytes of the whole frame
	Off  int64  // offset of Data in that payload
	Data []byte // unmasked, aliases the decoder's input
}

// Whole reports whether Data is the frame's complete payload.
func (f *Frame) Whole() bool { return f.Off == 0 && int64(len(f.Data)) == f.Len }

// Start reports whether this is the first chunk of the frame: the moment to
// write its header when the frame is passed on.
func (f *Frame) Start() bool { return f.Off == 0 }

// End reports whether this is the last chunk of the frame.
func (f *Frame) End() bool { return f.Off+int64(len(f.Data)) == f.Len }

// Last reports whether this is the last chunk of a message, or of a control frame.
func (f *Frame) Last() bool { return f.Fin && f.End() }
