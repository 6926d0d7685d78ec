//go:build unix

// Package terminal_test runs the program on a pseudo-terminal, and looks at what a person sees.
package terminal_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/internal/redact"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/test/program"
)

func TestMain(m *testing.M) { program.Main(m) }

// terminal is a pseudo-terminal, with an emulator of its screen.
type terminal struct {
	t      *testing.T
	master *os.File
	mu     sync.Mutex
	screen screen
	raw    bytes.Buffer // all that was written to it
	read   chan struct{}
}

const columns, rows = 100, 60

// newTerminal shows what is written to the other side of master.
func newTerminal(t *testing.T, master *os.File) *terminal {
	program.Must(t, pty.Setsize(master, &pty.Winsize{Cols: columns, Rows: rows}))
	term := &terminal{t: t, master: master, read: make(chan struct{})}
	go func() {
		defer close(term.read)
		buffer := make([]byte, 1<<12)
		for {
			n, err := master.Read(buffer)
			term.mu.Lock()
			term.raw.Write(buffer[:n])
			term.screen.write(buffer[:n])
			term.mu.Unlock()
			if err != nil { // EIO when the program has ended
				return
			}
		}
	}()
	return term
}

// lines returns the lines on the screen, without empty ones at the end.
func (term *terminal) lines() []string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.screen.lines()
}

func (term *terminal) shows(text string) bool {
	return strings.Contains(strings.Join(term.lines(), "\n"), text)
}

// await waits until the screen shows a text.
func (term *terminal) await(text string) {
	term.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !term.shows(text); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			term.t.Fatalf("%q does not appear:\n%s", text, strings.Join(term.lines(), "\n"))
		}
	}
}

// enter types a text.
func (term *terminal) enter(text string) {
	_, err := io.WriteString(term.master, text)
	program.Must(term.t, err)
}

// clean checks the state that a program leaves behind: the cursor is at the beginning of the line
// after the last one, and the live view is gone. Nothing else was changed: no sequence hides the
// cursor or sets another mode.
func (term *terminal) clean() {
	term.t.Helper()
	<-term.read
	lines := term.lines()
	term.mu.Lock()
	defer term.mu.Unlock()
	if term.screen.x != 0 || term.screen.y != len(lines) {
		term.t.Errorf("the cursor is at %d,%d", term.screen.x, term.screen.y)
	}
	if len(term.screen.unknown) > 0 {
		term.t.Errorf("other control sequences: %q", term.screen.unknown)
	}
	for _, line := range lines {
		if strings.HasPrefix(line, "applying") || strings.HasPrefix(line, "reading ") || strings.HasPrefix(line, "stopping") ||
			strings.HasPrefix(line, "waiting ") || strings.Contains(line, "[=") {
			term.t.Errorf("the live view is left behind: %q", line)
		}
	}
	if term.t.Failed() {
		term.t.Logf("the screen:\n%s", strings.Join(lines, "\n"))
	}
}

// output is all that was written.
func (term *terminal) output() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.raw.String()
}

// start starts a command on a terminal.
func start(t *testing.T, p *program.Project, args ...string) (*terminal, *exec.Cmd) {
	cmd := p.Process("secretsync", args...)
	master, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: columns, Rows: rows})
	program.Must(t, err)
	t.Cleanup(func() { _ = master.Close() })
	return newTerminal(t, master), cmd
}

// exitCode waits for the end of a command.
func exitCode(t *testing.T, cmd *exec.Cmd) int {
	err := cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	program.Must(t, err)
	return 0
}

const secrets = 30

// project has 30 secrets whose values are in the variable KEY. The server handles requests with
// fault, which may be set later.
func project(t *testing.T, fault *atomic.Pointer[func(*http.Request) emulator.Fault]) *program.Project {
	server := program.Emulator(t, emulator.Options{RateLimit: -1, Fault: func(r *http.Request) emulator.Fault {
		if f := fault.Load(); f != nil {
			return (*f)(r)
		}
		return emulator.Fault{}
	}})
	p := program.NewProject(t, server.BaseURL())
	manifest := "version: 1\nstores:\n  prod:\n    secrets:\n"
	for i := range secrets {
		manifest += fmt.Sprintf("      s%02d: {from: {env: KEY}}\n", i)
	}
	p.Write("secretsync.yaml", manifest)
	p.Env["KEY"], p.Env["TERM"] = "the first value", "xterm-256color"
	return p
}

// throttle lets some requests of a method pass, and delays the following ones once.
func throttle(fault *atomic.Pointer[func(*http.Request) emulator.Fault], method string, pass, block int, retryAfter time.Duration) {
	var n atomic.Int64
	f := func(r *http.Request) emulator.Fault {
		if r.Method != method {
			return emulator.Fault{}
		}
		if i := int(n.Add(1)); i <= pass || i > pass+block {
			return emulator.Fault{}
		}
		return emulator.Fault{Kind: emulator.FaultTooManyRequests, RetryAfter: retryAfter}
	}
	fault.Store(&f)
}

// An apply that is asked for on the terminal and is delayed by the rate limit: the view shows that,
// and at the end there are the plan, the answer, a line for each action and the result.
func TestApply(t *testing.T) {
	t.Parallel()
	var fault atomic.Pointer[func(*http.Request) emulator.Fault]
	p := project(t, &fault)
	throttle(&fault, http.MethodPost, 1, 1, 3*time.Second) // the first POST creates the store
	term, cmd := start(t, p, "apply", "--wait=0")
	term.await(`Only "yes" is accepted:`)
	term.enter("yes\n")
	term.await("waiting 2")
	if !term.shows("applying  [=") {
		t.Errorf("the view shows no bar: %q", term.lines())
	}
	if code := exitCode(t, cmd); code != program.OK {
		t.Errorf("exit code %d", code)
	}
	term.clean()
	var created int
	for i, line := range term.lines() {
		if strings.HasPrefix(line, "created prod/") {
			created++
		}
		if strings.HasPrefix(line, "Applied: ") && (created != secrets || i != len(term.lines())-1) {
			t.Errorf("%d actions have a line, and the result is line %d", created, i)
		}
	}
	if created != secrets {
		t.Errorf("%d actions have a line", created)
	}
}

// changedProject is a project that was applied, and whose values have changed since.
func changedProject(t *testing.T, fault *atomic.Pointer[func(*http.Request) emulator.Fault]) *program.Project {
	t.Helper()
	p := project(t, fault)
	if code, out := p.Run("apply", "--auto-approve"); code != program.OK {
		t.Fatal(out)
	}
	p.Env["KEY"] = "the second value"
	return p
}

// A pause right after the answer is shown: nothing was written yet since the question.
func TestPauseAfterTheAnswer(t *testing.T) {
	t.Parallel()
	var fault atomic.Pointer[func(*http.Request) emulator.Fault]
	p := changedProject(t, &fault)
	throttle(&fault, http.MethodPatch, 0, 1, 4*time.Second)
	term, cmd := start(t, p, "apply", "--wait=0", "--parallelism=1")
	term.await(`Only "yes" is accepted:`)
	term.enter("yes\n")
	term.await("waiting 2")
	if code := exitCode(t, cmd); code != program.OK {
		t.Errorf("exit code %d", code)
	}
	term.clean()
}

// After Ctrl-C the last lines summarise what was done, instead of listing each action that was not
// begun.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	var fault atomic.Pointer[func(*http.Request) emulator.Fault]
	p := changedProject(t, &fault)
	throttle(&fault, http.MethodPatch, 4, 1000, time.Minute)
	term, cmd := start(t, p, "apply", "--auto-approve", "--parallelism=2", "--wait=0")
	term.await("waiting 5")
	term.enter("\x03")
	if code := exitCode(t, cmd); code != program.Interrupted {
		t.Errorf("exit code %d", code)
	}
	term.clean()
	text := strings.Join(term.lines(), "\n")
	if !strings.Contains(text, "error: interrupted: 4 done, ") || !strings.Contains(text, " not started\nhint: run ") {
		t.Errorf("the end:\n%s", text)
	}
	if n := strings.Count(text, "skipped: ") + strings.Count(text, "failed: "); n != 0 {
		t.Errorf("%d actions that were interrupted or not started have a line", n)
	}
}

// Without a terminal that can move its cursor, and on request, nothing moves it. NO_COLOR leaves
// no colour either.
func TestPlain(t *testing.T) {
	t.Parallel()
	for name, plain := range map[string]struct {
		args []string
		env  map[string]string
	}{
		"TERM=dumb": {env: map[string]string{"TERM": "dumb"}},
		"no TERM":   {env: map[string]string{"TERM": ""}},
		"a flag":    {args: []string{"--progress=plain"}},
		"none":      {args: []string{"--progress=none"}},
		"variable":  {env: map[string]string{"SECRETSYNC_PROGRESS": "plain"}},
		"a CI job":  {env: map[string]string{"CI": "true"}},
		"quiet":     {args: []string{"--quiet"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var fault atomic.Pointer[func(*http.Request) emulator.Fault]
			p := project(t, &fault)
			p.Env["NO_COLOR"] = "1"
			for name, value := range plain.env {
				p.Env[name] = value
			}
			throttle(&fault, http.MethodPost, 1, 1, time.Second)
			term, cmd := start(t, p, append([]string{"apply", "--auto-approve", "--wait=0"}, plain.args...)...)
			if code := exitCode(t, cmd); code != program.OK {
				t.Errorf("exit code %d", code)
			}
			<-term.read
			out := term.output()
			if strings.Contains(out, "\x1b") {
				t.Errorf("an escape sequence in %q", out)
			}
			if waits := strings.Count(out, "waiting 1s: "); (waits == 1) != (name != "none" && name != "quiet") {
				t.Errorf("%d lines about the wait:\n%s", waits, out)
			}
			if n := strings.Count(out, "created prod/"); (n == 0) != (name == "quiet") {
				t.Errorf("%d actions have a line", n)
			}
		})
	}
}

// The lock's holder is shown while it is waited for, and the live view is behind the filter too: a
// file in the project may hold anything.
func TestFilter(t *testing.T) {
	t.Parallel()
	var fault atomic.Pointer[func(*http.Request) emulator.Fault]
	p := project(t, &fault)
	held, err := lockfile.Open(t.Context(), p.Path("secretsync.lock"), 0)
	program.Must(t, err)
	defer held.Close()
	const token = "token-that-is-known-to-the-filter"
	p.Env["CLOUDFLARE_API_TOKEN"] = token
	p.Write(lockfile.SideFile("secretsync.lock"), `{"pid": 7, "host": "`+token+`", "since": "2026-11-27T12:00:00Z"}`)
	term, cmd := start(t, p, "apply", "--auto-approve", "--lock-timeout=3s")
	term.await("is in use by process 7 on")
	if code := exitCode(t, cmd); code != program.Error {
		t.Errorf("exit code %d", code)
	}
	term.clean()
	if out := term.output(); strings.Contains(out, token) || !strings.Contains(out, redact.Withheld) || !strings.Contains(out, "waiting 2s at most: ") {
		t.Errorf("written: %q", out)
	}
}

// A panic leaves the terminal as every other end does.
func TestPanic(t *testing.T) {
	t.Parallel()
	var fault atomic.Pointer[func(*http.Request) emulator.Fault]
	p := project(t, &fault)
	throttle(&fault, http.MethodGet, 0, 1, 2*time.Second)
	master, slave, err := pty.Open()
	program.Must(t, err)
	t.Cleanup(func() { _ = master.Close() })
	term := newTerminal(t, master)
	func() {
		defer slave.Close()
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		app := program.Program{Env: p.Env, Out: panicking{}, Err: slave}.App()
		app.Run(t.Context(), []string{"plan", "-f", p.Path("secretsync.yaml")})
	}()
	term.clean()
	if !strings.Contains(term.output(), "reading stores") {
		t.Errorf("there was no live view: %q", term.output())
	}
}

// panicking panics instead of showing a result.
type panicking struct{}

func (panicking) Write([]byte) (int, error) { panic("at the worst moment") }
