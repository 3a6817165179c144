package balance_test

import (
	"fmt"

	"github.com/kzfast/kzfast/balance"
)

func Example() {
	const uri = "ws://balancer.example.com:8081/echo"
	d := balance.New(balance.Options{SelfID: "10.0.0.1:5942"})
	d.Set("10.0.0.2:5942", &balance.Advert{
		State:   balance.Up,
		Name:    "member-2",
		Entries: []balance.Entry{{Balance: uri, Type: "echo", Targets: []string{"ws://node2.example.com:8081/echo"}}},
	})
	if t, ok := d.Pick(&balance.Query{Balancer: uri}); ok {
		location, _ := t.AppendURI(nil, &balance.Redirect{Kind: balance.KindP})
		directive, _ := t.AppendURI(nil, &balance.Redirect{Kind: balance.KindL, Query: []byte(".kl=Y")})
		fmt.Printf("%s\n%s\n", location, directive)
	}
	// Output:
	// http://node2.example.com:8081/echo
	// ws://node2.example.com:8081/echo?.kl=Y
}
