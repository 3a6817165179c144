package auth

import (
	"fmt"
	"slices"
)

// Success says what a module's outcome means for its chain (config.md §13.3).
type Success uint8

// The kinds of module.
const (
	Required   Success = iota // must pass; the chain goes on either way
	Requisite                 // must pass; the chain ends when it does not
	Sufficient                // ends the chain when it passes
	Optional                  // goes on either way
)

// ParseSuccess reads the configured word.
func ParseSuccess(s string) (Success, error) {
	i := slices.Index([]string{"required", "requisite", "sufficient", "optional"}, s)
	if i < 0 {
		return 0, fmt.Errorf("success %q: want required, requisite, sufficient or optional", s)
	}
	return Success(i), nil
}

// A Module is one element of a realm's chain.
type Module struct {
	Success Success
	Login   Login
}

// Login checks credentials against one store. Principals are the names the
// user then carries: his own first, then his roles. Implementations must be
// safe for any goroutine and must not block.
type Login interface {
	Login(c *Credentials) (principals []string, ok bool)
}

// login runs the chain. The principals are those of all modules that passed.
// A chain without modules never passes.
func login(chain []Module, c *Credentials) (principals []string, ok bool) {
	binding, failed, passed := false, false, false
	for _, m := range chain {
		names, ok := m.Login.Login(c)
		if ok {
			principals = append(principals, names...)
		}
		switch m.Success {
		case Required:
			binding = true
			failed = failed || !ok
		case Requisite:
			binding = true
			if !ok {
				return nil, false
			}
		case Sufficient:
			if ok {
				return principals, !failed
			}
		}
		passed = passed || ok
	}
	if failed || !binding && !passed {
		return nil, false
	}
	return principals, true
}
