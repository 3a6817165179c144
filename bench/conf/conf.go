// Package conf holds the gateway configurations the benchmarks run and the
// addresses in them. The files are ordinary member configurations:
//
//	bin/kzfast -config bench/conf/echo.xml
//
// starts the server the echo workload measures. The addresses are fixed, so that
// a file can be used by hand; one benchmark runs on a machine at a time.
package conf

import "embed"

// Files holds the configurations by their names, NAME.xml.
//
//go:embed *.xml
var Files embed.FS

// Addresses, below the ephemeral ports.
const (
	Front   = "127.0.0.1:21080" // the server measured
	Member  = "127.0.0.2:21080" // where a balancer sends its clients
	BackWS  = "127.0.0.1:21090" // WebSocket echo behind a proxy
	BackTCP = "127.0.0.1:21091" // tcp echo behind a proxy
	Source  = "127.0.0.1:21092" // publisher of a broadcast, in the load generator
	Turn    = "127.0.0.1:21079" // held by the benchmark that runs, so that a second one is refused
)
