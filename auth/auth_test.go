package auth

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func basicHeader(pair string) []byte {
	return []byte("Basic " + base64.StdEncoding.EncodeToString([]byte(pair)))
}

func demoUsers(t testing.TB) *Users {
	t.Helper()
	u, err := NewUsers(
		[]User{
			{"joe", "welcome", []string{"AUTHORIZED"}},
			{"admin", "a:dmin", []string{"ADMINISTRATOR"}},
			{"zoë", "pässwörd", nil},
			{"empty", "", nil},
		},
		[]Role{{"ADMINISTRATOR", []string{"AUTHORIZED"}}, {"AUTHORIZED", []string{"GUEST"}}, {"GUEST", []string{"ADMINISTRATOR"}}},
	)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func demoRealm(t testing.TB, s Scheme) *Realm {
	return &Realm{Name: "demo", Description: "Kaazing WebSocket Gateway Demo", Scheme: s, Modules: []Module{{Required, demoUsers(t)}}}
}

func TestCheckBasic(t *testing.T) {
	for _, scheme := range []Scheme{Basic, ApplicationBasic} {
		r := demoRealm(t, scheme)
		for _, c := range []struct {
			name   string
			header []byte
			roles  []string
			want   Status
			who    string
		}{
			{"nothing", nil, nil, Challenge, ""},
			{"right", basicHeader("joe:welcome"), nil, OK, "joe"},
			{"scheme in capitals", []byte("BASIC" + strings.TrimPrefix(string(basicHeader("joe:welcome")), "Basic")), nil, OK, "joe"},
			{"blanks", []byte(" \tBasic   " + base64.StdEncoding.EncodeToString([]byte("joe:welcome")) + " "), nil, OK, "joe"},
			{"no padding", []byte("Basic " + base64.RawStdEncoding.EncodeToString([]byte("joe:welcome"))), nil, OK, "joe"},
			{"colon in password", basicHeader("admin:a:dmin"), nil, OK, "admin"},
			{"UTF-8", basicHeader("zoë:pässwörd"), nil, OK, "zoë"},
			{"empty password", basicHeader("empty:"), nil, OK, "empty"},
			{"wrong password", basicHeader("joe:Welcome"), nil, Challenge, ""},
			{"longer password", basicHeader("joe:welcome!"), nil, Challenge, ""},
			{"unknown user", basicHeader("jack:welcome"), nil, Challenge, ""},
			{"unknown user, empty password", basicHeader("jack:"), nil, Challenge, ""},
			{"no colon", basicHeader("joe"), nil, Challenge, ""},
			{"Latin-1", basicHeader("zo\xeb:x"), nil, Challenge, ""},
			{"not base64", []byte("Basic %%%"), nil, Challenge, ""},
			{"scheme alone", []byte("Basic"), nil, Challenge, ""},
			{"other scheme", []byte("Token 1:joe:welcome"), nil, Challenge, ""},
			{"the word Application", []byte("Application Basic am9lOndlbGNvbWU="), nil, Challenge, ""},
			{"role", basicHeader("joe:welcome"), []string{"AUTHORIZED"}, OK, "joe"},
			{"any user", basicHeader("joe:welcome"), []string{AnyUser}, OK, "joe"},
			{"own name", basicHeader("joe:welcome"), []string{"joe", "AUTHORIZED"}, OK, "joe"},
			{"inherited in a circle", basicHeader("joe:welcome"), []string{"ADMINISTRATOR", "GUEST"}, OK, "joe"},
			{"one of two roles", basicHeader("joe:welcome"), []string{"AUTHORIZED", "OTHER"}, Challenge, ""},
			{"no role", basicHeader("zoë:pässwörd"), []string{"AUTHORIZED"}, Challenge, ""},
		} {
			got := r.Check(c.header, c.roles)
			if got.Status != c.want || got.Principal != c.who {
				t.Errorf("%v, %s: got %+v, want %d %q", scheme, c.name, got, c.want, c.who)
			}
		}
	}
}

// tokens accepts one token.
type tokens struct{ accepted string }

func (m tokens) Login(c *Credentials) ([]string, bool) {
	return []string{"holder", "AUTHORIZED"}, c.Token == m.accepted
}

func TestCheckToken(t *testing.T) {
	r := &Realm{Scheme: ApplicationToken, Modules: []Module{{Required, tokens{"1:joe:welcome"}}}}
	for _, c := range []struct {
		header string
		roles  []string
		want   Status
	}{
		{"", nil, Challenge},
		{"Token 1:joe:welcome", nil, OK},
		{"token 1:joe:welcome", []string{"AUTHORIZED"}, OK},
		{"Token 1:joe:welcome", []string{"OTHER"}, Forbidden},
		{"Token 2", nil, Forbidden},
		{"Token", nil, Forbidden},
		{"Basic am9lOndlbGNvbWU=", nil, Challenge},
	} {
		if got := r.Check([]byte(c.header), c.roles); got.Status != c.want || (got.Status == OK) != (got.Principal == "holder") {
			t.Errorf("%q %v: got %+v, want %d", c.header, c.roles, got, c.want)
		}
	}
	// A user file knows no tokens, not even for a user without name and password.
	nobody, err := NewUsers([]User{{}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Modules = []Module{{Required, nobody}}
	if got := r.Check([]byte("Token x"), nil); got.Status != Forbidden {
		t.Errorf("user file took a token: %+v", got)
	}
}

func TestChallenge(t *testing.T) {
	for _, c := range []struct {
		r            Realm
		want, native string
	}{
		{Realm{Scheme: Basic, Description: "Demo"}, `Basic realm="Demo"`, `Basic realm="Demo"`},
		{Realm{Scheme: ApplicationBasic, Description: "Kaazing WebSocket Gateway Demo"},
			`Application Basic realm="Kaazing WebSocket Gateway Demo"`, `Basic realm="Kaazing WebSocket Gateway Demo"`},
		{Realm{Scheme: ApplicationToken, Description: "Demo"}, `Application Token`, `Token`},
		{Realm{Scheme: ApplicationToken, Parameters: `a="b"` + "\r\n"}, `Application Token a="b"`, `Token a="b"`},
		{Realm{Scheme: Basic, Description: "a\"b\\c\r\nX: y"}, `Basic realm="a\"b\\cX: y"`, `Basic realm="a\"b\\cX: y"`},
	} {
		if got := c.r.Challenge(false); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
		if got := c.r.Challenge(true); got != c.native {
			t.Errorf("native: got %q, want %q", got, c.native)
		}
	}
}

// verdict is a module of fixed outcome.
type verdict bool

func (v verdict) Login(*Credentials) ([]string, bool) { return []string{"p"}, bool(v) }

func TestChain(t *testing.T) {
	letters := map[rune]Success{'r': Required, 'q': Requisite, 's': Sufficient, 'o': Optional}
	for _, c := range []struct {
		chain string // letter of the kind and sign of the outcome, in order
		want  bool
		names int // principals when it passes
	}{
		{"", false, 0},
		{"r+", true, 1}, {"r-", false, 0},
		{"q+", true, 1}, {"q-", false, 0},
		{"s+", true, 1}, {"s-", false, 0},
		{"o+", true, 1}, {"o-", false, 0},
		{"r+r+", true, 2}, {"r+r-", false, 0}, {"r-r+", false, 0},
		{"q+r+", true, 2}, {"q-r+", false, 0},
		{"s+r-", true, 1},  // the passing sufficient ends the chain
		{"s+q-", true, 1},  //
		{"r-s+", false, 0}, // needs the required before it
		{"q-s+", false, 0},
		{"r+s+r-", true, 2},
		{"r+s-", true, 1}, // all required passed
		{"r+s-r-", false, 0},
		{"s-s+", true, 1}, {"s-s-", false, 0},
		{"s-o+", true, 1}, {"s-o-", false, 0},
		{"o+r-", false, 0}, {"o-r+", true, 1}, {"o+s-", true, 1},
	} {
		var chain []Module
		for i := 0; i < len(c.chain); i += 2 {
			chain = append(chain, Module{letters[rune(c.chain[i])], verdict(c.chain[i+1] == '+')})
		}
		names, ok := login(chain, &Credentials{})
		if ok != c.want || ok && len(names) != c.names {
			t.Errorf("%q: got %v %v, want %v with %d principals", c.chain, ok, names, c.want, c.names)
		}
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]bool{
		"Basic": true, "Application Basic": true, "Application Token": true,
		"Negotiate": false, "Application Negotiate": false, "basic": false, "Digest": false, "": false,
	} {
		s, err := ParseScheme(text)
		if (err == nil) != want || want && s.String() != text {
			t.Errorf("scheme %q: %v, %v", text, s, err)
		}
	}
	for i, text := range []string{"required", "requisite", "sufficient", "optional"} {
		if s, err := ParseSuccess(text); err != nil || s != Success(i) {
			t.Errorf("success %q: %v, %v", text, s, err)
		}
	}
	if _, err := ParseSuccess("Required"); err == nil {
		t.Error("success Required accepted")
	}
}

func TestNewUsersReportsUnknownRoles(t *testing.T) {
	u, err := NewUsers(
		[]User{{"a", "x", []string{"R", "no1"}}, {"b", "x", []string{"R"}}, {"c", "x", []string{"ok"}}, {"c", "y", nil}},
		[]Role{{"R", []string{"no2"}}, {"ok", nil}},
	)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`user "a": role "no1" is not defined`, `role "no2" is not defined`, `user "b": role "no2"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %s:\n%v", want, err)
		}
	}
	if u.Len() != 1 {
		t.Errorf("%d users, want 1", u.Len())
	}
	if p, ok := u.Login(&Credentials{Name: "c", Password: "y"}); !ok || !slices.Equal(p, []string{"c"}) {
		t.Errorf("the last of two users does not count: %v %v", p, ok)
	}
}

func FuzzCheck(f *testing.F) {
	f.Add([]byte("Basic am9lOndlbGNvbWU="))
	f.Add([]byte("Token 1:joe:welcome"))
	f.Add([]byte("Basic \x00= ="))
	realms := []*Realm{demoRealm(f, Basic), demoRealm(f, ApplicationBasic), {Scheme: ApplicationToken, Modules: []Module{{Required, tokens{"t"}}}}}
	f.Fuzz(func(t *testing.T, header []byte) {
		for _, r := range realms {
			res := r.Check(header, nil)
			if (res.Status == OK) != (res.Principal != "") {
				t.Fatalf("%+v", res)
			}
			c, ours, ok := r.Scheme.parse(header)
			if ours != (c != nil) || ok && !ours {
				t.Fatalf("%+v %v %v", c, ours, ok)
			}
			if ok && r.Scheme.basic() && (strings.Contains(c.Name, ":") || !utf8.ValidString(c.Name+c.Password)) {
				t.Fatalf("name %q", c.Name)
			}
		}
	})
}
