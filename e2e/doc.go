// Package e2e shows the promises of a running cluster with the real binary:
// member processes on loopback addresses of their own, killed, paused,
// partitioned, starved and restarted, and the clients that people use.
//
// It has tests only. A fleet is the members of one test:
//
//	f := newFleet(t, fleetSpec{Members: 3})
//	f.start()
//	f.members[2].kill()
//
// Every fleet has a network of its own, 127.a.b.0/24, and ports that were free
// when it began, so that tests may run beside one another and beside other
// programs. Its members end with the test, and with the test binary however
// that ends; namespaces and folders of a run that was cut short are removed by
// the next one. The logs of a failed test are printed and kept.
//
// KZFAST_BIN names the binary to test; without it the one of this tree is
// built once. Figures are printed with -v and decide nothing; what decides are
// the bounds of correctness. With -short the tests that wait for time to pass
// are left out.
package e2e
