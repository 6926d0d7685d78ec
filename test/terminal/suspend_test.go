//go:build unix

package terminal_test

import (
	"net/http"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/test/program"
)

// startUnder starts a command on a terminal as a job of a shell with job control. The shell reports
// when the job stops, and then runs next.
func startUnder(t *testing.T, next string, cmd *exec.Cmd) (*terminal, *exec.Cmd) {
	shell := exec.CommandContext(t.Context(), "sh", append([]string{"-c", `set -m; "$@"; echo "the job has stopped"; ` + next, "sh"}, cmd.Args...)...)
	shell.Env = cmd.Env
	master, err := pty.StartWithSize(shell, &pty.Winsize{Cols: columns, Rows: rows})
	program.Must(t, err)
	t.Cleanup(func() { _ = master.Close() })
	return newTerminal(t, master), shell
}

// slowApply is an apply that waits for a while in the middle.
func slowApply(t *testing.T, wait time.Duration) *exec.Cmd {
	var fault atomic.Pointer[func(*http.Request) emulator.Fault]
	p := changedProject(t, &fault)
	throttle(&fault, http.MethodPatch, 4, 1, wait)
	return p.Process("secretsync", "apply", "--auto-approve", "--parallelism=1", "--wait=0")
}

// frames are the lines of live views on the screen.
func (term *terminal) frames() []string {
	var found []string
	for _, line := range term.lines() {
		if strings.HasPrefix(line, "applying") || strings.HasPrefix(line, "waiting ") {
			found = append(found, line)
		}
	}
	return found
}

// Ctrl-Z removes the view, and fg shows it again, below the shell's output.
func TestSuspend(t *testing.T) {
	t.Parallel()
	term, shell := startUnder(t, `read answer; echo "and goes on"; fg`, slowApply(t, 8*time.Second))
	term.await("waiting ")
	term.enter("\x1a")
	term.await("the job has stopped")
	if left := term.frames(); len(left) > 0 {
		t.Errorf("the view is left behind: %q", left)
	}
	term.enter("\n")
	term.await("and goes on")
	term.await("applying")
	lines := term.lines()
	if shown := term.frames(); len(shown) != 2 || !term.shows("the job has stopped") || !strings.HasPrefix(lines[len(lines)-2], "applying") {
		t.Errorf("after fg:\n%s", strings.Join(lines, "\n"))
	}
	if code := exitCode(t, shell); code != program.OK {
		t.Errorf("exit code %d", code)
	}
	term.clean()
	if !term.shows("Applied: ") || !term.shows("and goes on") {
		t.Errorf("at the end:\n%s", strings.Join(term.lines(), "\n"))
	}
}

// In a script the system stops the program together with the script. The frame stays on the screen, but
// the view does not overwrite the shell's output below it.
func TestSuspendInScript(t *testing.T) {
	t.Parallel()
	apply := slowApply(t, 8*time.Second)
	script := exec.CommandContext(t.Context(), "sh", append([]string{"-c", `"$@"; exit $?`, "sh"}, apply.Args...)...)
	script.Env = apply.Env
	term, shell := startUnder(t, `echo; echo; read answer; echo "and goes on"; fg`, script)
	term.await("waiting ")
	term.enter("\x1a")
	term.await("the job has stopped")
	term.enter("\n")
	term.await("and goes on")
	if code := exitCode(t, shell); code != program.OK {
		t.Errorf("exit code %d", code)
	}
	<-term.read
	text := strings.Join(term.lines(), "\n")
	if left := term.frames(); len(left) != 2 || !strings.Contains(text, "the job has stopped") || !strings.Contains(text, "Applied: ") {
		t.Errorf("at the end:\n%s", text)
	}
}

// In the background, there is no view below the prompt of the shell; the lines about actions are
// written.
func TestBackground(t *testing.T) {
	t.Parallel()
	term, shell := startUnder(t, `bg; read answer; wait; echo "and ends"`, slowApply(t, 5*time.Second))
	term.await("waiting ")
	term.enter("\x1a")
	term.await("the job has stopped")
	for end := time.Now().Add(time.Minute); !term.shows("Applied: ") && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if drawn := term.frames(); len(drawn) > 0 {
			t.Fatalf("a view in the background: %q", drawn)
		}
	}
	term.enter("\n")
	if code := exitCode(t, shell); code != program.OK {
		t.Errorf("exit code %d", code)
	}
	term.clean()
	if !term.shows("updated prod/s29") || !term.shows("and ends") {
		t.Errorf("at the end:\n%s", strings.Join(term.lines(), "\n"))
	}
}

// If there is no shell that could continue the program, Ctrl-Z does nothing.
func TestNoShell(t *testing.T) {
	t.Parallel()
	var fault atomic.Pointer[func(*http.Request) emulator.Fault]
	p := changedProject(t, &fault)
	throttle(&fault, http.MethodPatch, 4, 1, 3*time.Second)
	term, cmd := start(t, p, "apply", "--auto-approve", "--parallelism=1", "--wait=0")
	term.await("waiting ")
	term.enter("\x1a")
	if code := exitCode(t, cmd); code != program.OK {
		t.Errorf("exit code %d", code)
	}
	term.clean()
}
