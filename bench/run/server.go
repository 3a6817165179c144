package run

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/kzfast/kzfast/bench/conf"
)

// A Role is what a server does in a workload.
type Role string

// The roles. Every server in a role answers at [conf.Front] under /echo.
const (
	Echo      Role = "echo"
	Redirect  Role = "redirect"  // 302 to conf.Member
	Broadcast Role = "broadcast" // of clients' messages and of the reads from conf.Source
	Proxy     Role = "proxy"     // to the back ends at conf.BackWS or conf.BackTCP
	Poll      Role = "poll"      // broadcast to SSE and WSE clients
)

// Location is what a redirecting server answers.
const Location = "http://" + conf.Member + "/echo"

// A Server is one program that can be measured.
type Server struct {
	Name string
	Go   bool // garbage collected by Go: takes part in the gc workload
	// command is the argument list for a role, the program first; nil when the
	// server does not play it.
	command func(b *Bench, r Role) []string
}

// Servers lists all, in the order of the table.
func Servers() []Server {
	list := []Server{
		{Name: "floor-c", command: floorC},
		{Name: "floor-go", Go: true, command: plain("floor-go", Echo)},
		{Name: "kzfast", Go: true, command: kzfast(map[Role]string{
			Echo: "echo", Redirect: "redirect", Broadcast: "broadcast", Proxy: "proxy", Poll: "poll",
		})},
		{Name: "kzfast-ws", Go: true, command: kzfast(map[Role]string{Proxy: "proxyws"})},
	}
	for _, p := range peers {
		list = append(list, Server{Name: p.name, Go: true, command: plain(p.name, p.roles...)})
	}
	return append(list,
		Server{Name: "nginx", command: nginx},
		Server{Name: "haproxy", command: haproxy})
}

// peers are the modules under bench/peers.
var peers = []struct {
	name  string
	roles []Role
}{
	{"gnet-tuned", []Role{Echo}},
	{"gnet-naive", []Role{Echo}},
	{"gobwas", []Role{Echo, Broadcast}},
	{"gws", []Role{Echo, Broadcast}},
	{"nbio", []Role{Echo, Broadcast}},
	{"gorilla", []Role{Echo, Broadcast}},
	{"coder", []Role{Echo}},
}

// plain is the command of our own Go servers, which all understand the same flags.
func plain(name string, can ...Role) func(*Bench, Role) []string {
	return func(b *Bench, r Role) []string {
		if !slices.Contains(can, r) {
			return nil
		}
		args := []string{b.bin(name), "-addr", conf.Front}
		if r == Broadcast {
			args = append(args, "-mode", "broadcast", "-source", conf.Source)
		}
		return args
	}
}

func floorC(b *Bench, r Role) []string {
	host, port := split(conf.Front)
	args := []string{b.bin("floor-c"), string(r), host, port}
	switch r {
	case Echo:
		return args
	case Redirect:
		return append(args, Location)
	case Broadcast:
		h, p := split(conf.Source)
		return append(args, h, p)
	}
	return nil
}

// kzfast runs the gateway with one of bench/conf. It is a build of the
// runner's own, so that nobody replaces it between two rounds.
func kzfast(files map[Role]string) func(*Bench, Role) []string {
	return func(b *Bench, r Role) []string {
		name, ok := files[r]
		if !ok {
			return nil
		}
		return []string{b.bin("kzfast"), "-config", filepath.Join(b.Root, "bench", "conf", name+".xml")}
	}
}

// missing says why s cannot run, empty when it can.
func (b *Bench) missing(s Server) string {
	for _, r := range []Role{Echo, Redirect, Proxy} {
		args := s.command(b, r)
		if args == nil {
			continue
		}
		if filepath.IsAbs(args[0]) {
			if _, err := os.Stat(args[0]); err != nil {
				return fmt.Sprintf("%s is not built", args[0])
			}
			return ""
		}
		if _, err := exec.LookPath(args[0]); err != nil {
			return fmt.Sprintf("%s is not installed", args[0])
		}
		return ""
	}
	return "it plays no role"
}

func (b *Bench) bin(name string) string { return filepath.Join(b.Out, name) }
