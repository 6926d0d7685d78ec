// Package subprocess runs other programs, with limits on their time and output, because the author
// of a pull request may choose their input. At a limit the program is killed, together with the
// processes that it started.
package subprocess

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"syscall"
	"time"
)

// The errors of a program that was killed at a limit.
var (
	ErrTime   = errors.New("it took too long")
	ErrOutput = errors.New("it printed too much")
)

const (
	// pipesOpen is how long a program may have ended and its output still be open, because
	// a process that it started holds it.
	pipesOpen = time.Second
	// maxStderr is how much is kept of what a program writes to its standard error.
	maxStderr = 4 << 10
)

// Command is a program to run. Its standard output goes to memory and nowhere else.
type Command struct {
	Args  []string // the program and its arguments
	Dir   string   // the current folder, if none is given
	Env   []string // our environment, if nil
	Stdin io.Reader

	Time      time.Duration
	MaxOutput int

	// Terminal is set for a program that may ask the user for something. If there is a
	// terminal, the program stays in our process group, since the terminal answers only to
	// one group. Then what it started is not killed with it.
	Terminal bool
	// Stop is how long a program may take to end by itself, after a signal that asks for it,
	// before it is killed. Systems without such signals kill at once.
	Stop time.Duration
}

// Output runs the command and returns what it prints. The error is [ErrTime], [ErrOutput], ctx's
// error, [exec.ErrWaitDelay] if the command left a process behind that holds its output open, or
// the reason why it could not be started. For an exit code other than 0 it is an [*exec.ExitError]
// with the beginning of the standard error, and the output is returned too.
func (c Command) Output(ctx context.Context) ([]byte, error) {
	limited, cancel := context.WithTimeout(ctx, c.Time)
	defer cancel()
	cmd := exec.CommandContext(limited, c.Args[0], c.Args[1:]...)
	out, stderr := &bounded{limit: c.MaxOutput, full: cancel}, &bounded{limit: maxStderr}
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = c.Dir, c.Env, c.Stdin, out, stderr, pipesOpen
	group := !c.Terminal || !hasTerminal()
	if group {
		newGroup(cmd)
	}
	if c.Stop > 0 {
		kill := cmd.Cancel
		cmd.WaitDelay = c.Stop
		cmd.Cancel = func() error {
			if cmd.Process.Signal(syscall.SIGTERM) == nil {
				return nil
			}
			return kill() // Windows has no signals
		}
	}
	err := cmd.Run()
	if group {
		endGroup(cmd)
	}
	switch exit, failed := errors.AsType[*exec.ExitError](err); {
	case out.over:
		err = ErrOutput
	case ctx.Err() != nil:
		err = ctx.Err()
	case limited.Err() != nil:
		err = ErrTime
	case failed:
		exit.Stderr = stderr.data
		return out.data, err
	}
	if err != nil {
		clear(out.data) // may be a part of a secret
		return nil, err
	}
	return out.data, nil
}

// bounded keeps the first bytes that are written, and calls full if there are more. Without
// full, the rest is discarded.
type bounded struct {
	limit int
	data  []byte
	over  bool
	full  func()
}

func (b *bounded) Write(p []byte) (int, error) {
	room := b.limit - len(b.data)
	if b.over = b.over || len(p) > room; b.over && b.full != nil {
		b.full()
		return 0, ErrOutput
	}
	b.grow(min(len(p), room))
	b.data = append(b.data, p[:min(len(p), room)]...)
	return len(p), nil
}

// grow makes room for n more bytes. It wipes what it copies from.
func (b *bounded) grow(n int) {
	if len(b.data)+n <= cap(b.data) {
		return
	}
	more := make([]byte, len(b.data), min(b.limit, max(2*cap(b.data), len(b.data)+n, 4<<10)))
	copy(more, b.data)
	clear(b.data)
	b.data = more
}
