//go:build unix

package subprocess_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/subprocess"
)

// sh is a script that may print 100 bytes within a minute.
func sh(script string) subprocess.Command {
	return subprocess.Command{Args: []string{"sh", "-c", script}, Time: time.Minute, MaxOutput: 100}
}

func TestOutput(t *testing.T) {
	c := sh(`printf '%s %s ' "$PWD" "$A"; cat; echo noise >&2`)
	c.Dir, c.Env, c.Stdin = t.TempDir(), []string{"PATH=" + os.Getenv("PATH"), "A=1"}, strings.NewReader("in")
	c.MaxOutput = len(c.Dir) + len(" 1 in") // exactly what it prints
	if got, err := c.Output(t.Context()); err != nil || string(got) != c.Dir+" 1 in" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestExitCode(t *testing.T) {
	out, err := sh("echo out; head -c 100000 /dev/zero | tr '\\0' x >&2; exit 7").Output(t.Context())
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 || string(out) != "out\n" {
		t.Fatalf("%q, %v", out, err)
	}
	if n := len(exit.Stderr); n != 4096 || strings.Trim(string(exit.Stderr), "x") != "" {
		t.Errorf("%d bytes of standard error are kept; want the first 4096", n)
	}
	if _, err := (subprocess.Command{Args: []string{"./absent"}, Time: time.Minute}).Output(t.Context()); err == nil || errors.As(err, &exit) {
		t.Errorf("a program that does not exist: %v", err)
	}
}

// At every limit, the processes that a command started are killed too.
func TestLimits(t *testing.T) {
	const background = "sleep 600 & echo $! >pid; "
	short := sh(background + "wait")
	short.Time = 300 * time.Millisecond
	polite := sh("trap 'echo bye >said; exit' TERM; " + background + "wait")
	polite.Time, polite.Stop = 300*time.Millisecond, 3*time.Second
	stubborn := sh("trap '' TERM; " + background + "wait")
	stubborn.Time, stubborn.Stop = 300*time.Millisecond, 300*time.Millisecond
	for name, test := range map[string]struct {
		command subprocess.Command
		want    error
	}{
		"output":   {sh(background + "yes"), subprocess.ErrOutput},
		"one more": {sh(background + "head -c 101 /dev/zero; wait"), subprocess.ErrOutput},
		"time":     {short, subprocess.ErrTime},
		"polite":   {polite, subprocess.ErrTime},
		"stubborn": {stubborn, subprocess.ErrTime},
		"held":     {sh(background + "echo done"), exec.ErrWaitDelay},
	} {
		dir := t.TempDir()
		test.command.Dir = dir
		if out, err := test.command.Output(t.Context()); !errors.Is(err, test.want) || out != nil {
			t.Errorf("%s: %q, %v; want %v", name, out, err, test.want)
		}
		checkGone(t, name, filepath.Join(dir, "pid"))
		if _, err := os.Stat(filepath.Join(dir, "said")); (err == nil) != (name == "polite") {
			t.Errorf("%s: the command's own last words: %v", name, err)
		}
	}
}

func TestInterrupted(t *testing.T) {
	c := sh("sleep 600 & echo $! >pid; wait")
	c.Dir = t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := c.Output(ctx); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, subprocess.ErrTime) {
		t.Errorf("%v; want the context's error", err)
	}
	checkGone(t, "interrupted", filepath.Join(c.Dir, "pid"))
}

// checkGone waits until a process has ended. One that nothing reaps is a zombie.
func checkGone(t *testing.T, name, pidFile string) {
	t.Helper()
	text, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
		if syscall.Kill(pid, 0) != nil || err == nil && strings.Contains(string(stat), ") Z ") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%s: process %d outlived its command", name, pid)
}
