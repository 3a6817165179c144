// Package gateway builds one running gateway from a configuration: the event
// loops and their listeners, the routes behind each, the services, the
// balancer table, and the cluster membership that fills it.
//
// It is the only package that knows more than one of the leaves, and the only
// reader of package conf. What a member learns about others arrives as an
// event on one goroutine and leaves as a new immutable snapshot; event loops
// only load pointers.
//
//	New ─▶ Start ─▶ (Drain) ─▶ Stop
package gateway
