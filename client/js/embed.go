// Package js holds the browser client's source for those that serve it, so
// that there is one copy of it.
package js

import _ "embed" // for Source

// Source is kzfast.js. It must not be modified.
//
//go:embed kzfast.js
var Source []byte
