package session

// tune gives the connection of a conversation the limits of its route. A
// transport that is not a socket has none to be tuned.
func (o *Options) tune(t Transport) {
	if o.PendingLimit > 0 {
		t.SetLimit(o.PendingLimit)
	}
	if o.Tune == nil {
		return
	}
	if c, ok := t.(interface {
		Control(func(fd int) error) error
	}); ok {
		_ = c.Control(o.Tune)
	}
}
