package run

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Build compiles what can be compiled. A peer or kzfast that does not build is
// left out of the table with a line; the load generator and floor-c are
// needed for everything.
func (b *Bench) Build(ctx context.Context) error {
	if err := os.MkdirAll(b.Out, 0o755); err != nil {
		return err
	}
	need := [][]string{
		{"go", "build", "-o", b.bin("load"), "./bench/cmd/load"},
		{"go", "build", "-o", b.bin("floor-go"), "./bench/floor/go"},
	}
	sources, err := filepath.Glob(filepath.Join(b.Root, "bench", "floor", "c", "*.c"))
	if err != nil {
		return err
	}
	need = append(need, append([]string{"gcc", "-O2", "-Wall", "-o", b.bin("floor-c")}, sources...))
	for _, args := range need {
		if err := b.compile(ctx, b.Root, args...); err != nil {
			return err
		}
	}
	if _, err := os.Stat(filepath.Join(b.Root, "cmd", "kzfast")); err != nil {
		b.say("kzfast: left out, there is no cmd/kzfast")
	} else if err := b.compile(ctx, b.Root, "go", "build", "-o", b.bin("kzfast"), "./cmd/kzfast"); err != nil {
		b.say("kzfast: left out: %v", err)
		_ = os.Remove(b.bin("kzfast"))
	}
	for _, p := range peers {
		dir := filepath.Join(b.Root, "bench", "peers", p.name)
		if err := b.compile(ctx, dir, "go", "build", "-trimpath", "-o", b.bin(p.name), "."); err != nil {
			b.say("%s: left out: %v", p.name, err)
			_ = os.Remove(b.bin(p.name))
		}
	}
	return nil
}

func (b *Bench) compile(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = dir
	if text, err := cmd.CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, lines[0])
	}
	return nil
}
