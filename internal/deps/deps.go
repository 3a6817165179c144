// Package deps pins dependencies while packages are written; removed by the final tidy.
package deps

import (
	_ "github.com/chromedp/chromedp"
	_ "github.com/gobwas/ws"
	_ "github.com/google/pprof/driver"
	_ "github.com/google/pprof/profile"
	_ "github.com/HdrHistogram/hdrhistogram-go"
	_ "github.com/hashicorp/memberlist"
	_ "github.com/klauspost/compress/flate"
	_ "github.com/panjf2000/gnet/v2"
	_ "github.com/panjf2000/gnet/v2/pkg/netpoll"
	_ "github.com/panjf2000/gnet/v2/pkg/socket"
	_ "github.com/spf13/cobra"
	_ "github.com/valyala/bytebufferpool"
	_ "go.uber.org/goleak"
	_ "golang.org/x/net/ipv4"
	_ "golang.org/x/net/html/charset"
	_ "golang.org/x/net/idna"
	_ "golang.org/x/sync/errgroup"
	_ "golang.org/x/sys/unix"
	_ "golang.org/x/term"
	_ "golang.org/x/text/encoding/charmap"
	_ "golang.org/x/text/encoding/unicode"
	_ "github.com/bmatcuk/doublestar/v4"
	_ "pgregory.net/rapid"
)
