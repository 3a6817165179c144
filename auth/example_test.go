package auth_test

import (
	"fmt"

	"github.com/kzfast/kzfast/auth"
)

func ExampleRealm_Check() {
	users, err := auth.NewUsers(
		[]auth.User{{Name: "joe", Password: "welcome", Roles: []string{"AUTHORIZED"}}},
		[]auth.Role{{Name: "AUTHORIZED"}},
	)
	if err != nil {
		panic(err)
	}
	realm := auth.Realm{Description: "Demo", Modules: []auth.Module{{Success: auth.Required, Login: users}}}
	if realm.Check(nil, nil).Status == auth.Challenge {
		fmt.Println("WWW-Authenticate:", realm.Challenge(false))
	}
	got := realm.Check([]byte("Basic am9lOndlbGNvbWU="), []string{"AUTHORIZED"})
	fmt.Println(got.Status == auth.OK, got.Principal)
	// Output:
	// WWW-Authenticate: Basic realm="Demo"
	// true joe
}
