package conf

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// dump prints a model for golden files: one field per line, zero fields left
// out, secrets as their length, the built-in mime table as its size.
func dump(v any) string {
	var b strings.Builder
	dumpValue(&b, reflect.ValueOf(v), "")
	return b.String()
}

func dumpValue(b *strings.Builder, v reflect.Value, path string) {
	if !v.IsValid() || v.IsZero() {
		return
	}
	if line, ok := plain(v); ok {
		fmt.Fprintf(b, "%s = %s\n", path, line)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if r, ok := v.Interface().(*Realm); ok && strings.HasSuffix(path, "].Realm") {
			fmt.Fprintf(b, "%s = -> %s\n", path, r.Name)
			return
		}
		dumpValue(b, v.Elem(), path)
	case reflect.Struct:
		for i := range v.NumField() {
			dumpValue(b, v.Field(i), strings.TrimPrefix(path+"."+v.Type().Field(i).Name, "."))
		}
	case reflect.Slice:
		for i := range v.Len() {
			dumpValue(b, v.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
	case reflect.Map:
		if strings.HasSuffix(path, "MIME") {
			fmt.Fprintf(b, "%s = %d types\n", path, v.Len())
			return
		}
		keys := v.MapKeys()
		slices.SortFunc(keys, func(x, y reflect.Value) int { return cmp.Compare(x.String(), y.String()) })
		for _, k := range keys {
			dumpValue(b, v.MapIndex(k), fmt.Sprintf("%s[%s]", path, k))
		}
	default:
		fmt.Fprintf(b, "%s = %v\n", path, v.Interface())
	}
}

// plain prints what fits on one line.
func plain(v reflect.Value) (string, bool) {
	switch x := v.Interface().(type) {
	case URI:
		return x.String(), true
	case Bind:
		return x.String(), true
	case Pos:
		return fmt.Sprintf("%d:%d", x.Line, x.Col), true
	case Namespace:
		return x.String(), true
	case time.Duration:
		return x.String(), true
	case []byte:
		return fmt.Sprintf("%d secret bytes", len(x)), true
	case []string:
		return strings.Join(x, " | "), true
	case string:
		return x, true
	}
	return "", false
}
