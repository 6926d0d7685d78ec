//go:build bench && linux

package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/test/program"
)

// usage is what a run used; for a client that runs many processes, all of them. The first five
// are as package measure writes them.
type usage struct {
	Exit     int
	Wall     time.Duration
	CPU      time.Duration
	Peak     int64
	Written  int64
	Requests int64
	Busy     int64  // requests answered with 429
	Problem  string // why the run failed
}

// add adds a process that ran after the others.
func (u *usage) add(next usage) {
	u.Wall, u.CPU, u.Written = u.Wall+next.Wall, u.CPU+next.CPU, u.Written+next.Written
	u.Peak = max(u.Peak, next.Peak)
	u.Exit = max(u.Exit, next.Exit)
}

// place is a folder, a server, and the environment of the client that uses both.
type place struct {
	t      *testing.T
	dir    string
	env    map[string]string
	server *distant
	// patience is how long a process may take.
	patience time.Duration
}

func newPlace(t *testing.T, server *distant) *place {
	t.Helper()
	// Not in /tmp, which may be in memory: then nothing would be written to a disk.
	dir, err := os.MkdirTemp(tools.dir, "place-")
	program.Must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	env := program.Environment(server.baseURL)
	env["PATH"], env["HOME"] = os.Getenv("PATH"), dir
	return &place{t: t, dir: dir, env: env, server: server, patience: 10 * time.Minute}
}

func (p *place) write(name, text string) {
	p.t.Helper()
	program.Must(p.t, os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600))
}

// process runs a process, and returns what it used. It does not count requests.
func (p *place) process(name string, args ...string) usage {
	p.t.Helper()
	report, output := filepath.Join(p.dir, ".usage"), filepath.Join(p.dir, ".output")
	out, err := os.Create(output)
	program.Must(p.t, err)
	defer out.Close()
	_ = os.Remove(report)
	ctx, cancel := context.WithTimeout(p.t.Context(), p.patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, tools.measure, append([]string{report, name}, args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, out, out
	killGroup(cmd)
	for name, value := range p.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	err = cmd.Run()
	if ctx.Err() != nil {
		return usage{Exit: 1, Problem: fmt.Sprintf("longer than %s", p.patience)}
	}
	text, _ := os.ReadFile(output)
	if err != nil {
		return usage{Exit: 1, Problem: fmt.Sprintf("%v: %.300s", err, text)}
	}
	data, err := os.ReadFile(report)
	program.Must(p.t, err)
	var u usage
	program.Must(p.t, json.Unmarshal(data, &u))
	if u.Exit != 0 {
		u.Problem = fmt.Sprintf("exit code %d", u.Exit)
		p.t.Logf("%s %.100s: exit code %d\n%.3000s", filepath.Base(name), strings.Join(args, " "), u.Exit, text)
	}
	return u
}

// counted adds the requests of a run.
func (p *place) counted(run func() usage) usage {
	requests, busy := p.server.requests.Load(), p.server.busy.Load()
	u := run()
	u.Requests, u.Busy = p.server.requests.Load()-requests, p.server.busy.Load()-busy
	return u
}
