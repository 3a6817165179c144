package cluster_test

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/kzfast/kzfast/cluster"
)

// Two members on one host: the second one knows the first.
func Example() {
	ctx := context.Background()
	first, err := cluster.Start(ctx, cluster.Options{Name: "example", Bind: netip.MustParseAddrPort("127.0.0.4:0")})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer first.Shutdown()
	first.Advertise([]byte("echo is served here"))

	heard := make(chan cluster.Event, 100)
	second, err := cluster.Start(ctx, cluster.Options{
		Name: "example", Bind: netip.MustParseAddrPort("127.0.0.5:0"),
		Seeds:  []string{first.Self().Addr.String()},
		Events: func(e cluster.Event) { heard <- e },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer second.Shutdown()
	for e := range heard {
		if e.Kind == cluster.Changed && len(e.Advert) > 0 {
			fmt.Println(e.Kind, string(e.Advert))
			break
		}
	}
	second.Leave(ctx)
	// Output: changed echo is served here
}
