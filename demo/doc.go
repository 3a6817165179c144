// Package demo runs the cluster that a newcomer sees first: two members as
// child processes of this one, a page, and clients that never stop echoing,
// while somebody kills, drains and restarts the members.
//
//	keys, script ─┐
//	child exits  ─┼─▶ one goroutine (Run) ─▶ screen
//	client states┘
//
// Everything the demo knows belongs to the goroutine of [Run]; others post
// functions to it. The members are real: their configurations are the files a
// person would write, and nothing but signals and sockets reaches them. The
// demo needs no root and leaves no process and no file behind.
package demo
