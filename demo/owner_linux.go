package demo

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// tcpListen is the state of a listening socket in /proc/net/tcp.
const tcpListen = "0A"

// owner names the process that has the socket's port, as far as this user may
// see it; "" when it cannot be seen.
func owner(s socket) string {
	for _, table := range []string{s.network, s.network + "6"} {
		for _, inode := range inodes("/proc/net/"+table, s) {
			if who := holder("socket:[" + inode + "]"); who != "" {
				return who
			}
		}
	}
	return ""
}

// inodes finds the sockets of the table that stand in the way of s: bound to
// its address, or to all addresses of its port.
func inodes(table string, s socket) []string {
	f, err := os.Open(table)
	if err != nil {
		return nil
	}
	defer f.Close()
	var found []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		col := strings.Fields(lines.Text())
		if len(col) < 10 || s.network == "tcp" && col[3] != tcpListen {
			continue
		}
		if a, ok := procAddr(col[1]); ok && a.Port() == s.addr.Port() && (a.Addr() == s.addr.Addr() || a.Addr().IsUnspecified()) {
			found = append(found, col[9])
		}
	}
	return found
}

// procAddr reads "0400007F:1F41": the address in words of host order.
func procAddr(text string) (netip.AddrPort, bool) {
	host, port, _ := strings.Cut(text, ":")
	b, err := hex.DecodeString(host)
	p, err2 := hex.DecodeString(port)
	if err != nil || err2 != nil || len(b)%4 != 0 || len(p) != 2 {
		return netip.AddrPort{}, false
	}
	for w := range slices.Chunk(b, 4) {
		binary.NativeEndian.PutUint32(w, binary.BigEndian.Uint32(w))
	}
	a, ok := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(a.Unmap(), binary.BigEndian.Uint16(p)), ok
}

// holder finds the process that has a file descriptor which links to target.
func holder(target string) string {
	fds, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err != nil || to != target {
			continue
		}
		pid := strings.Split(fd, "/")[2]
		name, err := os.ReadFile("/proc/" + pid + "/comm")
		if err != nil {
			continue
		}
		return fmt.Sprintf("%q (pid %s)", strings.TrimSpace(string(name)), pid)
	}
	return ""
}
